-- One row for each object that a migration can make: kind, name, definition. Names are
-- qualified and quoted as PostgreSQL does it with an empty search_path. What belongs to an
-- extension is left out: the extension stands for it. So are owners, which differ from
-- server to server, and the order of columns.
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
    SELECT 'COLUMN ' || name, 0, p.grantee, p.privilege_type, p.is_grantable, false
    FROM attribute CROSS JOIN aclexplode(attacl) p
    UNION ALL
    SELECT object, owner, p.grantee, p.privilege_type, p.is_grantable, true
    FROM acl CROSS JOIN aclexplode(acldefault(kind::"char", owner)) p
)

SELECT 'schema' AS kind, quote_ident(nspname) AS name, '' AS definition FROM space

UNION ALL
SELECT 'extension', quote_ident(extname), format('version %s in schema %I', extversion, nspname)
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace

UNION ALL
SELECT CASE relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END, name, concat_ws(' ',
    CASE relpersistence WHEN 'u' THEN 'UNLOGGED' END,
    (SELECT 'USING ' || quote_ident(amname) FROM pg_am WHERE pg_am.oid = relam AND amname <> 'heap'),
    'PARTITION BY ' || pg_get_partkeydef(relation.oid),
    (SELECT CASE WHEN relispartition THEN 'PARTITION OF ' ELSE 'INHERITS ' END
            || string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
     FROM pg_inherits WHERE inhrelid = relation.oid),
    pg_get_expr(relpartbound, relation.oid),
    CASE WHEN reloftype <> 0 THEN 'OF ' || reloftype::regtype::text END,
    'WITH (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o) || ')',
    (SELECT 'TABLESPACE ' || quote_ident(spcname) FROM pg_tablespace s WHERE s.oid = reltablespace),
    CASE WHEN relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END,
    CASE WHEN relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,
    CASE relreplident WHEN 'n' THEN 'REPLICA IDENTITY NOTHING' WHEN 'f' THEN 'REPLICA IDENTITY FULL'
        WHEN 'i' THEN 'REPLICA IDENTITY USING INDEX ' ||
            (SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = relation.oid AND indisreplident) END,
    (SELECT format('SERVER %I OPTIONS (%s)', srvname, array_to_string(ftoptions, ', '))
     FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver WHERE ftrelid = relation.oid))
FROM relation WHERE relkind IN ('r', 'p', 'f')

UNION ALL
SELECT 'column', a.name, concat_ws(' ', a.type,
    CASE a.attgenerated
        WHEN 's' THEN format('GENERATED ALWAYS AS (%s) STORED', pg_get_expr(adbin, adrelid))
        WHEN 'v' THEN format('GENERATED ALWAYS AS (%s) VIRTUAL', pg_get_expr(adbin, adrelid))
        ELSE 'DEFAULT ' || pg_get_expr(adbin, adrelid) END,
    CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END,
    CASE WHEN i.name <> '' THEN format('(SEQUENCE NAME %s %s)', i.name, i.options) END,
    (SELECT CASE a.attstorage WHEN 'p' THEN 'STORAGE PLAIN' WHEN 'e' THEN 'STORAGE EXTERNAL'
                WHEN 'm' THEN 'STORAGE MAIN' ELSE 'STORAGE EXTENDED' END
     FROM pg_type t WHERE t.oid = a.atttypid AND t.typstorage <> a.attstorage),
    CASE to_jsonb(a) ->> 'attcompression' WHEN 'p' THEN 'COMPRESSION pglz' WHEN 'l' THEN 'COMPRESSION lz4' END,
    'STATISTICS ' || nullif(a.attstattarget, -1),
    'OPTIONS (' || array_to_string(coalesce(a.attoptions, a.attfdwoptions), ', ') || ')')
FROM attribute a
    LEFT JOIN pg_attrdef ON adrelid = a.attrelid AND adnum = a.attnum
    LEFT JOIN identity i ON i.relation = a.attrelid AND i.attnum = a.attnum
WHERE a.relkind IN ('r', 'p', 'f') OR a.relkind = 'v' AND adbin IS NOT NULL

UNION ALL
-- PostgreSQL 18 keeps NOT NULL as a constraint: what the column does not say of it.
SELECT 'constraint', format('%I on %s', conname, name), pg_get_constraintdef(c.oid)
FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
WHERE conparentid = 0 AND contype <> 't' AND (contype <> 'n' OR NOT convalidated OR connoinherit)

UNION ALL
-- A constraint stands for its index, but not for what can be set on the index alone.
SELECT 'index', i.indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(i.indexrelid),
    CASE WHEN NOT indisvalid THEN 'INVALID' END,
    CASE WHEN indisclustered THEN 'CLUSTER' END)
FROM pg_index i JOIN relation r ON r.oid = i.indexrelid
WHERE NOT EXISTS (
    SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x')
      AND indisvalid AND NOT indisclustered AND r.reloptions IS NULL)

UNION ALL
SELECT 'sequence', s.name, concat_ws(' ', CASE relpersistence WHEN 'u' THEN 'UNLOGGED' END, options,
    (SELECT 'OWNED BY ' || a.name FROM pg_depend d JOIN attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype = 'a'))
FROM sequence s JOIN relation r ON r.oid = s.seqrelid
WHERE NOT EXISTS (SELECT FROM identity i WHERE i.seqrelid = s.seqrelid)

UNION ALL
SELECT CASE typtype WHEN 'e' THEN 'enum type' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite type'
           WHEN 'r' THEN 'range type' ELSE 'base type' END, name,
    CASE typtype
        WHEN 'e' THEN (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = type.oid)
        WHEN 'c' THEN (SELECT string_agg(format('%I %s', attname, a.type), ', ' ORDER BY attnum) FROM attribute a WHERE attrelid = typrelid)
        WHEN 'r' THEN (
            SELECT concat_ws(' ', rngsubtype::regtype::text, opcname, nullif(rngcollation, 0)::regcollation::text,
                rngcanonical::regproc::text, rngsubdiff::regproc::text, (to_jsonb(pg_range) ->> 'rngmultitypid')::oid::regtype::text)
            FROM pg_range JOIN pg_opclass o ON o.oid = rngsubopc WHERE rngtypid = type.oid)
        WHEN 'd' THEN concat_ws(' ',
            format_type(typbasetype, typtypmod),
            (SELECT 'COLLATE ' || typcollation::regcollation::text FROM pg_type b WHERE b.oid = type.typbasetype AND b.typcollation <> type.typcollation),
            'DEFAULT ' || typdefault,
            CASE WHEN typnotnull THEN 'NOT NULL' END,
            (SELECT string_agg(format('CONSTRAINT %I %s', conname, pg_get_constraintdef(c.oid)), ' ' ORDER BY conname)
             FROM pg_constraint c WHERE contypid = type.oid AND contype <> 'n'))
        ELSE concat_ws(' ', typinput::regproc::text, typoutput::regproc::text, typlen::text, typalign::text, typdefault)
    END
FROM type

UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, name, concat_ws(' ',
    'WITH (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o) || ')',
    pg_get_viewdef(oid), CASE WHEN NOT relispopulated THEN 'WITH NO DATA' END)
FROM relation WHERE relkind IN ('v', 'm')

UNION ALL
SELECT CASE prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, name, pg_get_functiondef(oid)
FROM routine WHERE prokind <> 'a'

UNION ALL
SELECT 'aggregate', name, concat_ws(' ', 'RETURNS', prorettype::regtype::text, to_jsonb(g)
    - ARRAY['aggfnoid', 'aggtranstype', 'aggmtranstype', 'aggsortop'], aggtranstype::regtype::text,
    nullif(aggmtranstype, 0)::regtype::text, nullif(aggsortop, 0)::regoperator::text, proparallel)
FROM routine JOIN pg_aggregate g ON g.aggfnoid = routine.oid

UNION ALL
SELECT 'trigger', format('%I on %s', tgname, name), concat_ws(' ', pg_get_triggerdef(t.oid), enabled.word)
FROM pg_trigger t JOIN relation r ON r.oid = tgrelid LEFT JOIN enabled ON state = tgenabled
WHERE NOT tgisinternal AND tgparentid = 0

UNION ALL
SELECT 'event trigger', quote_ident(evtname), concat_ws(' ', evtevent, 'WHEN TAG IN ' || evttags::text, evtfoid::regprocedure::text, enabled.word)
FROM pg_event_trigger e LEFT JOIN enabled ON state = evtenabled
WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_event_trigger'::regclass AND objid = e.oid)

UNION ALL
SELECT 'rule', format('%I on %s', rulename, name), concat_ws(' ', pg_get_ruledef(w.oid), enabled.word)
FROM pg_rewrite w JOIN relation r ON r.oid = ev_class LEFT JOIN enabled ON state = ev_enabled
WHERE rulename <> '_RETURN'

UNION ALL
SELECT 'policy', format('%I on %s', polname, name), concat_ws(' ',
    CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, 'FOR',
    CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    'TO', (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE o::regrole::text END, ', ' ORDER BY o::regrole::text) FROM unnest(polroles) o),
    format('USING (%s)', pg_get_expr(polqual, polrelid)), format('WITH CHECK (%s)', pg_get_expr(polwithcheck, polrelid)))
FROM pg_policy p JOIN relation r ON r.oid = polrelid

UNION ALL
SELECT 'statistics', format('%I.%I', nspname, stxname), pg_get_statisticsobjdef(s.oid)
FROM pg_statistic_ext s JOIN space ON space.oid = stxnamespace

UNION ALL
SELECT 'privilege', format('%s on %s to %s', privilege_type, object, CASE grantee WHEN owner THEN 'its owner' WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END),
    CASE WHEN bool_and(is_default) THEN 'REVOKED' WHEN bool_or(is_grantable AND grantee <> owner) THEN 'WITH GRANT OPTION' ELSE 'GRANTED' END
FROM privilege GROUP BY privilege_type, object, grantee, owner
HAVING count(DISTINCT is_default) = 1

UNION ALL
SELECT 'default privilege', format('%s on new %s%s by %s to %s', p.privilege_type,
    CASE defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
        WHEN 'n' THEN 'schemas' ELSE 'large objects' END,
    (SELECT ' in ' || quote_ident(nspname) FROM space WHERE space.oid = defaclnamespace), defaclrole::regrole,
    CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE p.grantee::regrole::text END),
    CASE WHEN p.is_grantable THEN 'WITH GRANT OPTION' ELSE 'GRANTED' END
FROM pg_default_acl CROSS JOIN aclexplode(defaclacl) p

UNION ALL
SELECT 'comment', concat_ws(' ', o.type, o.identity), description
FROM pg_description d CROSS JOIN pg_identify_object(classoid, objoid, objsubid) o
WHERE objoid >= 16384 AND classoid <> 'pg_extension'::regclass
  AND NOT EXISTS (SELECT FROM member WHERE classid = classoid AND member.objid = objoid)

UNION ALL
SELECT o.type, o.identity, other.definition
FROM (
    SELECT 'pg_collation'::regclass AS class, oid, concat_ws(' ', collprovider, collcollate, collctype, collisdeterministic,
        to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', to_jsonb(c) ->> 'collicurules') AS definition FROM pg_collation c
    UNION ALL
    SELECT 'pg_cast'::regclass, oid, concat_ws(' ', castfunc::regprocedure, castcontext, castmethod) FROM pg_cast
    UNION ALL
    SELECT 'pg_operator'::regclass, oid, concat_ws(' ', oprresult::regtype, oprcode::regprocedure, nullif(oprcom, 0)::regoperator,
        nullif(oprnegate, 0)::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash) FROM pg_operator
    UNION ALL
    SELECT 'pg_opclass'::regclass, oid, concat_ws(' ', opcintype::regtype, opcdefault, nullif(opckeytype, 0)::regtype) FROM pg_opclass
    UNION ALL
    SELECT 'pg_opfamily'::regclass, oid, '' FROM pg_opfamily
    UNION ALL
    SELECT 'pg_amop'::regclass, oid, concat_ws(' ', amopopr::regoperator, amoppurpose) FROM pg_amop
    UNION ALL
    SELECT 'pg_amproc'::regclass, oid, amproc::regprocedure::text FROM pg_amproc
    UNION ALL
    SELECT 'pg_conversion'::regclass, oid, concat_ws(' ', pg_encoding_to_char(conforencoding), pg_encoding_to_char(contoencoding), conproc::regproc, condefault) FROM pg_conversion
    UNION ALL
    SELECT 'pg_ts_config'::regclass, c.oid, concat_ws(' ', cfgparser::text, (
        SELECT string_agg(concat_ws(' ', maptokentype, mapdict::regdictionary), ', ' ORDER BY maptokentype, mapseqno)
        FROM pg_ts_config_map WHERE mapcfg = c.oid)) FROM pg_ts_config c
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, d.oid, concat_ws(' ', tmplname, dictinitoption)
    FROM pg_ts_dict d JOIN pg_ts_template t ON t.oid = dicttemplate
    UNION ALL
    SELECT 'pg_language'::regclass, oid, concat_ws(' ', lanpltrusted, lanplcallfoid::regproc) FROM pg_language
    UNION ALL
    SELECT 'pg_foreign_data_wrapper'::regclass, oid, concat_ws(' ', fdwhandler::regproc, fdwvalidator::regproc, fdwoptions) FROM pg_foreign_data_wrapper
    UNION ALL
    SELECT 'pg_foreign_server'::regclass, s.oid, concat_ws(' ', fdwname, srvtype, srvversion, srvoptions)
    FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw
    UNION ALL
    SELECT 'pg_publication'::regclass, oid, (to_jsonb(p) - ARRAY['oid', 'pubname', 'pubowner'])::text FROM pg_publication p
    UNION ALL
    SELECT 'pg_publication_rel'::regclass, oid, concat_ws(' ', to_jsonb(r) ->> 'prattrs', pg_get_expr((to_jsonb(r) ->> 'prqual')::pg_node_tree, prrelid)) FROM pg_publication_rel r
) other CROSS JOIN pg_identify_object(class, oid, 0) o
WHERE oid >= 16384 AND NOT EXISTS (SELECT FROM member WHERE classid = class AND objid = other.oid)

ORDER BY 1, 2
