--- base
CREATE TABLE logs (day date NOT NULL, what text) PARTITION BY RANGE (day);
CREATE TABLE logs_other PARTITION OF logs DEFAULT;
--- dangerous blocking-scan
SET LOCAL lock_timeout = '2s';
CREATE TABLE logs_2030 PARTITION OF logs FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
--- safe
SET LOCAL lock_timeout = '2s';
CREATE TABLE logs_new (LIKE logs INCLUDING ALL);
