--- drop-table drop-column
-- deploy code that no longer uses it, then:
-- allow: {rule} REASON
{sql};

--- truncate delete-all-rows
-- if all rows may go:
-- allow: {rule} REASON
{sql};

--- rename-table
-- to deploy without an interruption, leave a view with the old name until no code uses it:
CREATE VIEW /* old name */ AS SELECT * FROM /* new name */;

--- rename-column
-- to deploy without an interruption: add a column with the new name, write both, copy the values, read the new one, drop the old one

--- concurrently
-- in a file of its own, whose second line is empty:
-- atlas:txmode none

{sql};

--- refresh
-- needs a unique index on the view:
REFRESH MATERIALIZED VIEW CONCURRENTLY {view};

--- repack
-- the extension pg_repack does the same with short locks; a plain VACUUM lets PostgreSQL use the space again

--- batches
-- in batches, by the application or a script, until no row is left:
UPDATE {table} {set}
WHERE ctid IN (SELECT ctid FROM {table} WHERE {open} LIMIT 1000);

--- default-partition
-- a validated CHECK on the default partition that excludes these rows saves the scan:
ALTER TABLE /* default */ ADD CONSTRAINT not_here CHECK (/* ... */) NOT VALID;
-- in a later file:
ALTER TABLE /* default */ VALIDATE CONSTRAINT not_here;
-- in a later file:
{sql};

--- attach-partition
-- a validated CHECK that says what the partition may hold saves the scan:
ALTER TABLE {partition} ADD CONSTRAINT partition_bound CHECK (/* the bound */) NOT VALID;
-- in a later file:
ALTER TABLE {partition} VALIDATE CONSTRAINT partition_bound;
-- in a later file:
{sql};

--- block
-- write the statements of the block or the function into migrations

--- later
-- the lock that the file already holds ends with it, so put this into a later one:
{sql};

--- no-way
-- PostgreSQL has no way to do this without the lock; at a time when nobody needs the table:
-- allow: {rule} REASON
{sql};

--- new-type
ALTER TABLE {table} ADD COLUMN {name} {type};
-- let the code write both columns, and copy the old values in batches, by the application or a script, until no row is left:
UPDATE {table} SET {name} = {column}::{type}
WHERE ctid IN (SELECT ctid FROM {table} WHERE {name} IS NULL AND {column} IS NOT NULL LIMIT 1000);
-- let the code read {name}, then drop {column}

--- not-null
ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID;
-- in a later file:
ALTER TABLE {table} VALIDATE CONSTRAINT {name};
-- in a later file:
ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;
ALTER TABLE {table} DROP CONSTRAINT {name};

--- not-valid
ALTER TABLE {table} ADD {constraint} NOT VALID;
-- in a later file:
ALTER TABLE {table} VALIDATE CONSTRAINT {name};

--- unique
-- in a file of its own, whose second line is empty:
-- atlas:txmode none

CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} {columns};
-- in a later file:
ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name};

--- backfill
-- before it is applied:
SELECT count(*) FROM {table} WHERE {condition};
-- if that is not 0:
UPDATE {table} SET {set} WHERE {condition};

--- duplicates
-- before it is applied, look for duplicates:
SELECT {columns}, count(*) FROM {table} GROUP BY {columns} HAVING count(*) > 1;

--- dangling
-- before it is applied, look for rows that lead nowhere:
SELECT {columns} FROM {table} EXCEPT SELECT /* its key */ FROM {there};
