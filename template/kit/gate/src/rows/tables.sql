-- A JSON object for each table that holds rows itself.
WITH RECURSIVE resolved(oid, base, modifier, required) AS (
    SELECT oid, typbasetype, typtypmod, typnotnull FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT r.oid, t.typbasetype, greatest(r.modifier, t.typtypmod), r.required OR t.typnotnull
    FROM resolved r JOIN pg_type t ON t.oid = r.base WHERE t.typtype = 'd'
),
domain AS (
    SELECT r.* FROM resolved r JOIN pg_type t ON t.oid = r.base WHERE t.typtype <> 'd'
)
SELECT json_build_object(
    'oid', c.oid::int8,
    'name', c.oid::regclass::text,
    'columns', (
        SELECT coalesce(json_agg(json_build_object(
            'number', a.attnum,
            'name', quote_ident(a.attname),
            'type', format_type(a.atttypid, a.atttypmod),
            'base', CASE WHEN e.oid IS NULL THEN t.typname ELSE e.typname END,
            'kind', CASE WHEN e.oid IS NULL THEN t.typtype ELSE e.typtype END,
            'is_array', e.oid IS NOT NULL,
            'modifier', coalesce(d.modifier, a.atttypmod),
            'labels', (SELECT coalesce(json_agg(enumlabel ORDER BY enumsortorder), '[]') FROM pg_enum
                WHERE enumtypid IN (t.oid, e.oid)),
            'required', a.attnotnull OR coalesce(d.required, false),
            'automatic', a.attidentity <> '' OR a.attgenerated <> ''
                OR coalesce(pg_get_expr(f.adbin, f.adrelid) ~ '^nextval\(', false)
        ) ORDER BY a.attnum), '[]')
        FROM pg_attribute a
            LEFT JOIN domain d ON d.oid = a.atttypid
            JOIN pg_type t ON t.oid = coalesce(d.base, a.atttypid)
            LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
            LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'foreign_keys', (
        SELECT coalesce(json_agg(json_build_object(
            'columns', conkey, 'table', confrelid::int8, 'table_name', confrelid::regclass::text,
            'there', (SELECT json_agg(quote_ident(attname) ORDER BY n)
                FROM unnest(confkey) WITH ORDINALITY k(attnum, n)
                JOIN pg_attribute a ON a.attrelid = confrelid AND a.attnum = k.attnum)
        ) ORDER BY cardinality(conkey) DESC), '[]')
        FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f'),
    'constraints', (
        SELECT coalesce(json_agg(json_build_object('name', name, 'unique', is_unique, 'columns', columns,
            'definition', definition)), '[]')
        FROM (
            SELECT conname AS name, false AS is_unique, coalesce(conkey, '{}') AS columns, pg_get_constraintdef(oid) AS definition
            FROM pg_constraint WHERE conrelid = c.oid AND contype IN ('c', 'x', 'f')
            UNION ALL
            SELECT relname, true, string_to_array(indkey::text, ' ')::int2[], ''
            FROM pg_index i JOIN pg_class x ON x.oid = indexrelid WHERE indrelid = c.oid AND indisunique
            UNION ALL
            SELECT conname, false, ARRAY[a.attnum], pg_get_constraintdef(o.oid)
            FROM pg_attribute a JOIN pg_constraint o ON o.contype = 'c' AND (o.contypid = a.atttypid
                OR EXISTS (SELECT FROM resolved r WHERE r.oid = a.atttypid AND r.base = o.contypid))
            WHERE a.attrelid = c.oid AND a.attnum > 0
            UNION ALL
            -- What PostgreSQL reports without a name.
            SELECT '', false, (SELECT array_agg(a.attnum) FROM pg_partition_ancestors(c.oid) p
                    JOIN pg_partitioned_table ON partrelid = p.relid
                    JOIN pg_attribute k ON k.attrelid = partrelid AND k.attnum = ANY (partattrs)
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = k.attname),
                coalesce(pg_get_partition_constraintdef(c.oid), '')
            WHERE relispartition
        ) constraints WHERE columns IS NOT NULL)
)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.oid
