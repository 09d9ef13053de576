--- base
CREATE TABLE tags (id bigint NOT NULL, label text NOT NULL);
--- dangerous blocking-scan
ALTER TABLE tags ADD PRIMARY KEY (id);
--- safe
-- atlas:txmode none

CREATE UNIQUE INDEX CONCURRENTLY tags_pkey ON tags (id);
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE tags ADD CONSTRAINT tags_pkey PRIMARY KEY USING INDEX tags_pkey;
