--- dangerous replay
CREATE TABLEE nothing ();
--- safe
CREATE TABLE nothing ();
