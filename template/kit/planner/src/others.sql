UNION ALL
SELECT 'sequence', s.name, NULL, NULL, false, s.options, format('CREATE %sSEQUENCE %s %s', CASE relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, s.name, s.options), format('DROP SEQUENCE %s', s.name),
    format('ALTER SEQUENCE %s %s%s', s.name, s.options, CASE WHEN s.options LIKE '%CYCLE' THEN '' ELSE ' NO CYCLE' END), '',
    jsonb_build_object('name', quote_ident(relname), 'serial', (SELECT c.name FROM col c WHERE c.serial = s.name),
        'column', (SELECT a.name FROM pg_depend d JOIN attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype = 'a'))
FROM sequence s JOIN relation r ON r.oid = s.seqrelid WHERE NOT EXISTS (SELECT FROM identity i WHERE i.seqrelid = s.seqrelid)

UNION ALL
SELECT 'setting', s.name || ': owner', 'sequence', s.name, false, a.name, format('ALTER SEQUENCE %s OWNED BY %s', s.name, a.name), format('ALTER SEQUENCE %s OWNED BY NONE', s.name),
    format('ALTER SEQUENCE %s OWNED BY %s', s.name, a.name), '', jsonb_build_object('column', a.name)
FROM sequence s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype = 'a'
    JOIN attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid

UNION ALL
SELECT CASE typtype WHEN 'e' THEN 'enum type' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite type' ELSE 'range type' END, type.name, NULL, NULL, false, d.definition,
    CASE typtype WHEN 'd' THEN format('CREATE DOMAIN %s AS %s', type.name, d.definition) ELSE format('CREATE TYPE %s AS %s', type.name, d.definition) END,
    format('DROP %s %s', CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, type.name), NULL, '',
    jsonb_build_object('schema', typnamespace::regnamespace, 'identifier', quote_ident(typname),
        'labels', (SELECT jsonb_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = type.oid),
        'base', format_type(typbasetype, typtypmod), 'default', typdefault, 'not_null', typnotnull,
        'constraints', (SELECT jsonb_object_agg(quote_ident(conname), pg_get_constraintdef(c.oid)) FROM pg_constraint c WHERE contypid = type.oid AND contype <> 'n'),
        'attributes', (SELECT jsonb_object_agg(quote_ident(attname), a.type) FROM attribute a WHERE attrelid = typrelid))
FROM type CROSS JOIN LATERAL (SELECT CASE typtype
        WHEN 'e' THEN 'ENUM (' || coalesce((SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = type.oid), '') || ')'
        WHEN 'c' THEN '(' || coalesce((SELECT string_agg(format('%I %s', attname, a.type), ', ' ORDER BY attnum) FROM attribute a WHERE attrelid = typrelid), '') || ')'
        WHEN 'r' THEN (SELECT 'RANGE (' || concat_ws(', ', 'SUBTYPE = ' || rngsubtype::regtype, 'SUBTYPE_OPCLASS = ' || CASE WHEN NOT opcdefault THEN quote_ident(opcname) END,
                'COLLATION = ' || nullif(rngcollation, 0)::regcollation, 'CANONICAL = ' || nullif(rngcanonical, 0)::regproc, 'SUBTYPE_DIFF = ' || nullif(rngsubdiff, 0)::regproc) || ')'
            FROM pg_range JOIN pg_opclass o ON o.oid = rngsubopc WHERE rngtypid = type.oid)
        WHEN 'd' THEN concat_ws(' ', format_type(typbasetype, typtypmod),
            (SELECT 'COLLATE ' || typcollation::regcollation::text FROM pg_type b WHERE b.oid = type.typbasetype AND b.typcollation <> type.typcollation),
            'DEFAULT ' || typdefault, CASE WHEN typnotnull THEN 'NOT NULL' END,
            (SELECT string_agg(format('CONSTRAINT %I %s', conname, pg_get_constraintdef(c.oid)), ' ' ORDER BY conname) FROM pg_constraint c WHERE contypid = type.oid AND contype <> 'n'))
    END AS definition) d
WHERE typtype IN ('e', 'd', 'c', 'r')

UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, name, NULL, NULL, false, pg_get_viewdef(oid),
    concat('CREATE ', CASE relkind WHEN 'v' THEN 'VIEW ' ELSE 'MATERIALIZED VIEW ' END, name, ' WITH (' || array_to_string(reloptions, ', ') || ')', E' AS\n',
        CASE WHEN relkind = 'v' OR relispopulated THEN pg_get_viewdef(oid) ELSE rtrim(pg_get_viewdef(oid), ';') || E'\nWITH NO DATA' END),
    format('DROP %s %s', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, name),
    CASE relkind WHEN 'v' THEN concat('CREATE OR REPLACE VIEW ', name, ' WITH (' || array_to_string(reloptions, ', ') || ')', E' AS\n', pg_get_viewdef(oid)) END, '',
    jsonb_build_object('columns', (SELECT jsonb_agg(format('%I %s', attname, type) ORDER BY attnum) FROM attribute a WHERE attrelid = relation.oid))
FROM relation WHERE relkind IN ('v', 'm')

UNION ALL
SELECT CASE prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, name, NULL, NULL, false, pg_get_functiondef(oid), pg_get_functiondef(oid),
    format('DROP %s %s', CASE prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, name), pg_get_functiondef(oid),
    concat_ws(' ', pg_get_function_result(oid), proargnames::text, proargmodes::text, pronargdefaults), jsonb_build_object('body', prosrc)
FROM routine WHERE prokind IN ('f', 'w', 'p')

UNION ALL
SELECT 'aggregate', name, NULL, NULL, false, options,
    format('CREATE AGGREGATE %s.%I(%s) (%s)', pronamespace::regnamespace, proname, coalesce(nullif(pg_get_function_arguments(routine.oid), ''), '*'), options),
    format('DROP AGGREGATE %s', name), NULL, pg_get_function_arguments(routine.oid), '{}'
FROM routine JOIN pg_aggregate ON aggfnoid = routine.oid CROSS JOIN LATERAL (SELECT concat_ws(', ', 'SFUNC = ' || aggtransfn, 'STYPE = ' || aggtranstype::regtype, 'SSPACE = ' || nullif(aggtransspace, 0),
        'FINALFUNC = ' || nullif(aggfinalfn, 0)::regproc, CASE WHEN aggfinalextra THEN 'FINALFUNC_EXTRA' END, 'COMBINEFUNC = ' || nullif(aggcombinefn, 0)::regproc,
        'SERIALFUNC = ' || nullif(aggserialfn, 0)::regproc, 'DESERIALFUNC = ' || nullif(aggdeserialfn, 0)::regproc, 'INITCOND = ' || quote_literal(agginitval),
        'MSFUNC = ' || nullif(aggmtransfn, 0)::regproc, 'MINVFUNC = ' || nullif(aggminvtransfn, 0)::regproc, 'MSTYPE = ' || nullif(aggmtranstype, 0)::regtype,
        'MFINALFUNC = ' || nullif(aggmfinalfn, 0)::regproc, 'MINITCOND = ' || quote_literal(aggminitval),
        'SORTOP = ' || (SELECT format('OPERATOR(%s.%s)', oprnamespace::regnamespace, oprname) FROM pg_operator o WHERE o.oid = aggsortop),
        'PARALLEL = ' || CASE proparallel WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED' END, CASE aggkind WHEN 'h' THEN 'HYPOTHETICAL' END) AS options) o

UNION ALL
SELECT 'trigger', format('%I on %s', tgname, name), CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END, name, false, pg_get_triggerdef(t.oid), pg_get_triggerdef(t.oid), format('DROP TRIGGER %I ON %s', tgname, name),
    CASE WHEN tgconstraint = 0 THEN regexp_replace(pg_get_triggerdef(t.oid), '^CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER') END, '', '{}'
FROM pg_trigger t JOIN relation r ON r.oid = tgrelid WHERE NOT tgisinternal AND tgparentid = 0

UNION ALL
SELECT 'setting', format('%I on %s: enabled', what.name, r.name), what.kind, format('%I on %s', what.name, r.name), false, what.state::text,
    format('ALTER TABLE %s %s %s %I', r.name, CASE what.state WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, upper(what.kind), what.name),
    format('ALTER TABLE %s ENABLE %s %I', r.name, upper(what.kind), what.name),
    format('ALTER TABLE %s %s %s %I', r.name, CASE what.state WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, upper(what.kind), what.name), '', '{}'
FROM (SELECT 'trigger' AS kind, tgrelid AS relation, tgname AS name, tgenabled AS state FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0
    UNION ALL SELECT 'rule', ev_class, rulename, ev_enabled FROM pg_rewrite WHERE rulename <> '_RETURN') what JOIN relation r ON r.oid = what.relation
WHERE what.state <> 'O'

UNION ALL
SELECT 'event trigger', quote_ident(evtname), NULL, NULL, false, s, s, format('DROP EVENT TRIGGER %I', evtname), NULL, '', '{}'
FROM pg_event_trigger e CROSS JOIN LATERAL (SELECT format('CREATE EVENT TRIGGER %I ON %s', evtname, evtevent)
    || coalesce(' WHEN TAG IN (' || (SELECT string_agg(quote_literal(tag), ', ') FROM unnest(evttags) tag) || ')', '') || format(' EXECUTE FUNCTION %s()', evtfoid::regproc) AS s) c
WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_event_trigger'::regclass AND objid = e.oid)

UNION ALL
SELECT 'rule', format('%I on %s', rulename, name), CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END, name, false, pg_get_ruledef(w.oid), pg_get_ruledef(w.oid), format('DROP RULE %I ON %s', rulename, name),
    regexp_replace(pg_get_ruledef(w.oid), '^CREATE RULE', 'CREATE OR REPLACE RULE'), '', '{}'
FROM pg_rewrite w JOIN relation r ON r.oid = ev_class WHERE rulename <> '_RETURN'

UNION ALL
SELECT 'policy', format('%I on %s', polname, name), 'table', name, false, s, s, format('DROP POLICY %I ON %s', polname, name), NULL, '', '{}'
FROM pg_policy p JOIN relation r ON r.oid = polrelid CROSS JOIN LATERAL (SELECT concat_ws(' ', format('CREATE POLICY %I ON %s', polname, name),
    CASE WHEN NOT polpermissive THEN 'AS RESTRICTIVE' END, CASE polcmd WHEN 'r' THEN 'FOR SELECT' WHEN 'a' THEN 'FOR INSERT' WHEN 'w' THEN 'FOR UPDATE' WHEN 'd' THEN 'FOR DELETE' END,
    'TO ' || (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE o::regrole::text END, ', ' ORDER BY o::regrole::text) FROM unnest(polroles) o),
    CASE WHEN polqual IS NOT NULL THEN format('USING (%s)', pg_get_expr(polqual, polrelid)) END, CASE WHEN polwithcheck IS NOT NULL THEN format('WITH CHECK (%s)', pg_get_expr(polwithcheck, polrelid)) END) AS s) c

UNION ALL
SELECT 'statistics', format('%I.%I', nspname, stxname), 'table', stxrelid::regclass::text, false, pg_get_statisticsobjdef(s.oid), pg_get_statisticsobjdef(s.oid), format('DROP STATISTICS %I.%I', nspname, stxname), NULL, '', '{}'
FROM pg_statistic_ext s JOIN space ON space.oid = stxnamespace

UNION ALL
SELECT 'privilege', format('%s on %s to %s', privilege_type, p.object, who), n.kind, n.name, false, concat(grantable, revoked),
    CASE WHEN revoked THEN revoke ELSE concat("grant", grantable) END, CASE WHEN revoked THEN "grant" ELSE revoke END,
    CASE WHEN revoked THEN NULL WHEN grantable <> '' THEN concat("grant", grantable) ELSE concat('REVOKE GRANT OPTION FOR ', right(revoke, -7)) END, '', '{}'
FROM (
    SELECT privilege_type, object, CASE grantee WHEN owner THEN 'CURRENT_USER' WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who, bool_and(is_default) AS revoked,
        CASE WHEN bool_or(is_grantable AND grantee <> owner) THEN ' WITH GRANT OPTION' ELSE '' END AS grantable
    FROM privilege GROUP BY privilege_type, object, grantee, owner HAVING count(DISTINCT is_default) = 1
) p
CROSS JOIN LATERAL (SELECT CASE WHEN object LIKE 'COLUMN %' THEN format('%s (%s) ON TABLE %s', privilege_type, a.attname, a.relation) ELSE format('%s ON %s', privilege_type, object) END AS target
    FROM (SELECT 1) one LEFT JOIN (SELECT quote_ident(attname) AS attname, name, attrelid::regclass::text AS relation FROM attribute) a ON object = 'COLUMN ' || a.name) t
CROSS JOIN LATERAL (SELECT format('GRANT %s TO %s', target, who) AS "grant", format('REVOKE %s FROM %s', target, who) AS revoke) s
LEFT JOIN LATERAL (SELECT kind, name FROM node WHERE node.name = regexp_replace(object, '^(SCHEMA|SEQUENCE|TABLE|FUNCTION|TYPE|FOREIGN SERVER|COLUMN) ', '')
    AND kind IN ('schema', 'sequence', 'table', 'foreign table', 'view', 'materialized view', 'function', 'procedure', 'aggregate', 'enum type', 'domain', 'composite type', 'range type', 'column') LIMIT 1) n ON true

UNION ALL
SELECT 'default privilege', concat_ws(' ', privilege_type, what, space, role, who), NULL, NULL, false, grantable, concat(head, format('GRANT %s ON %s TO %s', privilege_type, what, who), grantable),
    concat(head, format('REVOKE %s ON %s FROM %s', privilege_type, what, who)),
    CASE WHEN grantable <> '' THEN concat(head, format('GRANT %s ON %s TO %s', privilege_type, what, who), grantable) ELSE concat(head, format('REVOKE GRANT OPTION FOR %s ON %s FROM %s', privilege_type, what, who)) END, '', '{}'
FROM pg_default_acl CROSS JOIN aclexplode(defaclacl) p
    CROSS JOIN LATERAL (SELECT CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE p.grantee::regrole::text END AS who, CASE WHEN is_grantable AND p.grantee <> defaclrole THEN ' WITH GRANT OPTION' ELSE '' END AS grantable,
        defaclrole::regrole::text AS role, CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS what,
        (SELECT quote_ident(nspname) FROM space WHERE space.oid = defaclnamespace) AS space) t
    CROSS JOIN LATERAL (SELECT concat('ALTER DEFAULT PRIVILEGES ', 'FOR ROLE ' || CASE WHEN defaclrole <> current_user::regrole THEN role || ' ' END, 'IN SCHEMA ' || space || ' ') AS head) h
WHERE p.grantee <> defaclrole

UNION ALL
SELECT 'comment', concat_ws(' ', o.type, o.identity), n.kind, n.name, false, description, format('COMMENT ON %s IS %L', target, description), format('COMMENT ON %s IS NULL', target), format('COMMENT ON %s IS %L', target, description), '', '{}'
FROM pg_description d CROSS JOIN pg_identify_object(classoid, objoid, objsubid) o
    CROSS JOIN LATERAL (SELECT CASE WHEN o.type LIKE '% column' THEN 'COLUMN ' WHEN o.type LIKE '% constraint' THEN 'CONSTRAINT ' WHEN o.type = 'composite type' THEN 'TYPE '
        WHEN o.type = 'statistics object' THEN 'STATISTICS ' ELSE upper(o.type) || ' ' END
        || CASE o.type WHEN 'domain constraint' THEN regexp_replace(o.identity, ' on ', ' ON DOMAIN ') WHEN 'table constraint' THEN regexp_replace(o.identity, ' on ', ' ON ')
            WHEN 'trigger' THEN regexp_replace(o.identity, ' on ', ' ON ') WHEN 'policy' THEN regexp_replace(o.identity, ' on ', ' ON ') WHEN 'rule' THEN regexp_replace(o.identity, ' on ', ' ON ')
            ELSE o.identity END AS target) t
    LEFT JOIN node n ON n.class = classoid AND n.oid = objoid AND (n.sub = objsubid OR NOT n.with_parts)
WHERE objoid >= 16384 AND classoid <> 'pg_extension'::regclass AND n.kind IS DISTINCT FROM 'extension'

ORDER BY 1, 2
