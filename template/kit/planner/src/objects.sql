-- What a plan needs to know of each object, in the columns of `Entry` in schema.rs. Continues
-- the common table expressions of catalog::OBJECTS, and names objects as these do. Besides,
-- it has rows for what can be changed alone on a column, a table or another object: its
-- default, NOT NULL, identity, settings, comment, privileges.
,
-- Every object and its parts by address, as pg_depend has them. An object `with_parts` has a
-- row for each column, too.
node AS (
    SELECT 'pg_namespace'::regclass AS class, oid, 0 AS sub, false AS with_parts, 'schema' AS kind, quote_ident(nspname) AS name FROM space
    UNION ALL
    SELECT 'pg_extension'::regclass, oid, 0, false, 'extension', quote_ident(extname) FROM pg_extension
    UNION ALL
    SELECT d.classid, d.objid, 0, false, 'extension', quote_ident(extname)
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
    UNION ALL
    SELECT 'pg_class'::regclass, oid, 0, relkind IN ('r', 'p', 'f'),
        CASE relkind WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END, name
    FROM relation WHERE relkind IN ('r', 'p', 'f', 'v', 'm')
    UNION ALL
    SELECT 'pg_class'::regclass, attrelid, attnum, true, 'column', name FROM attribute WHERE relkind IN ('r', 'p', 'f')
    UNION ALL
    SELECT 'pg_class'::regclass, s.seqrelid, 0, false,
        CASE WHEN a.attnum IS NULL THEN 'sequence' ELSE 'identity' END, coalesce(a.name, s.name)
    FROM sequence s JOIN relation r ON r.oid = s.seqrelid LEFT JOIN identity i ON i.seqrelid = s.seqrelid
        LEFT JOIN attribute a ON a.attrelid = i.relation AND a.attnum = i.attnum
    UNION ALL
    SELECT 'pg_class'::regclass, i.indexrelid, 0, false, CASE WHEN c.oid IS NULL THEN 'index' ELSE 'constraint' END,
        coalesce(quote_ident(c.conname) || ' on ' || c.conrelid::regclass, i.indexrelid::regclass::text)
    FROM pg_index i JOIN relation r ON r.oid = i.indexrelid
        LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x')
    UNION ALL
    SELECT 'pg_constraint'::regclass, c.oid, 0, false, 'constraint', format('%I on %s', conname, r.name)
    FROM pg_constraint c JOIN relation r ON r.oid = conrelid
    UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid, 0, false, CASE a.attgenerated WHEN '' THEN 'default' ELSE 'column' END, a.name
    FROM pg_attrdef d JOIN attribute a ON a.attrelid = adrelid AND a.attnum = adnum
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, 0, false, 'trigger', format('%I on %s', tgname, name) FROM pg_trigger t JOIN relation r ON r.oid = tgrelid
    UNION ALL
    SELECT 'pg_event_trigger'::regclass, oid, 0, false, 'event trigger', quote_ident(evtname) FROM pg_event_trigger
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, 0, false, 'policy', format('%I on %s', polname, name) FROM pg_policy p JOIN relation r ON r.oid = polrelid
    UNION ALL
    SELECT 'pg_rewrite'::regclass, w.oid, 0, false,
        CASE WHEN rulename <> '_RETURN' THEN 'rule' WHEN relkind = 'm' THEN 'materialized view' ELSE 'view' END,
        CASE WHEN rulename <> '_RETURN' THEN format('%I on %s', rulename, name) ELSE name END
    FROM pg_rewrite w JOIN relation r ON r.oid = ev_class
    UNION ALL
    SELECT 'pg_proc'::regclass, oid, 0, false, CASE prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, name FROM routine
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, 0, false, 'statistics', format('%I.%I', nspname, stxname) FROM pg_statistic_ext s JOIN space ON space.oid = stxnamespace
    UNION ALL
    -- A type, the type of arrays of it, and what is made on it.
    SELECT 'pg_type'::regclass, of.oid, 0, false, k.kind, t.name
    FROM type t JOIN pg_type of ON t.oid IN (of.oid, of.typelem), LATERAL (SELECT CASE typtype WHEN 'e' THEN 'enum type' WHEN 'd' THEN 'domain'
        WHEN 'c' THEN 'composite type' WHEN 'r' THEN 'range type' ELSE 'base type' END AS kind FROM pg_type WHERE oid = t.oid) k
    UNION ALL
    SELECT 'pg_constraint'::regclass, c.oid, 0, false, 'domain', t.name FROM pg_constraint c JOIN type t ON t.oid = contypid
    UNION ALL
    SELECT 'pg_class'::regclass, t.typrelid, 0, false, 'composite type', t.name FROM type t WHERE typtype = 'c'
    UNION ALL
    -- The type of a table's rows, and of arrays of them.
    SELECT 'pg_type'::regclass, of.oid, 0, false,
        CASE relkind WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END, r.name
    FROM relation r JOIN pg_type of ON r.reltype IN (of.oid, of.typelem) WHERE relkind IN ('r', 'p', 'f', 'v', 'm') AND reltype <> 0
    UNION ALL
    SELECT c.class, c.oid, 0, false, o.type, o.identity
    FROM (SELECT 'pg_collation'::regclass AS class, oid FROM pg_collation UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator
        UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
        UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server) c
        CROSS JOIN pg_identify_object(c.class, c.oid, 0) o
    WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM member WHERE classid = c.class AND objid = c.oid)
)
