-- Names of all objects that a migration can make. They are qualified and quoted as PostgreSQL
-- does it with an empty search_path. What belongs to an extension is left out: the extension
-- stands for it.
WITH
space AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'atlas_schema_revisions')
),
member AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
),
relation AS (
    SELECT c.*, c.oid::regclass::text AS name
    FROM pg_class c JOIN space ON space.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = c.oid)
),
routine AS (
    SELECT p.*, p.oid::regprocedure::text AS name
    FROM pg_proc p JOIN space ON space.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
      -- The constructors of a range type come with it.
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
),
-- Array types, row types of tables and the multiranges of ranges come with what they are of.
type AS (
    SELECT t.*, t.oid::regtype::text AS name
    FROM pg_type t JOIN space ON space.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typelem = 0 AND t.typtype <> 'm' AND coalesce(c.relkind = 'c', true)
      AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = t.oid)
),
sequence AS (
    SELECT seqrelid, seqrelid::regclass::text AS name, concat_ws(' ', 'AS ' || seqtypid::regtype, 'START', seqstart, 'INCREMENT', seqincrement,
        'MINVALUE', seqmin, 'MAXVALUE', seqmax, 'CACHE', seqcache, CASE WHEN seqcycle THEN 'CYCLE' END) AS options
    FROM pg_sequence
),
-- The sequences of identity columns.
identity AS (
    SELECT d.refobjid AS relation, d.refobjsubid AS attnum, s.*
    FROM pg_depend d JOIN sequence s ON s.seqrelid = d.objid
    WHERE d.deptype = 'i' AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
),
enabled (state, word) AS (
    VALUES ('D'::"char", 'DISABLED'), ('R', 'ENABLED ON REPLICAS'), ('A', 'ENABLED ALWAYS')
),
attribute AS (
    SELECT a.*, r.relkind, format('%s.%I', r.name, a.attname) AS name,
           concat_ws(' ',
               format_type(a.atttypid, a.atttypmod),
               (SELECT 'COLLATE ' || a.attcollation::regcollation::text FROM pg_type t
                WHERE t.oid = a.atttypid AND a.attcollation <> t.typcollation),
               CASE WHEN a.attnotnull THEN 'NOT NULL' END) AS type
    FROM pg_attribute a JOIN relation r ON r.oid = a.attrelid
    WHERE a.attnum > 0 AND NOT a.attisdropped
),
acl AS (
    SELECT 'SCHEMA ' || quote_ident(nspname) AS object, 'n' AS kind, nspowner AS owner, nspacl AS acl FROM space
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || name,
           CASE relkind WHEN 'S' THEN 's' ELSE 'r' END, relowner, relacl
    FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'FUNCTION ' || name, 'f', proowner, proacl FROM routine
    UNION ALL
    SELECT 'TYPE ' || name, 'T', typowner, typacl FROM type
    UNION ALL
    SELECT 'FOREIGN SERVER ' || quote_ident(srvname), 'S', srvowner, srvacl FROM pg_foreign_server
),
-- Granted beyond what an object has from the start, or revoked of that.
privilege AS (
    SELECT object, owner, p.grantee, p.privilege_type, p.is_grantable, false AS is_default
    FROM acl CROSS JOIN aclexplode(coalesce(acl, acldefault(kind::"char", owner))) p
    UNION ALL
    SELECT 'COLUMN ' || name, (SELECT relowner FROM pg_class WHERE oid = attrelid), p.grantee, p.privilege_type, p.is_grantable, false
    FROM attribute CROSS JOIN aclexplode(attacl) p
    UNION ALL
    SELECT object, owner, p.grantee, p.privilege_type, p.is_grantable, true
    FROM acl CROSS JOIN aclexplode(acldefault(kind::"char", owner)) p
)
