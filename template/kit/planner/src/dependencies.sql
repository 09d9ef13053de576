-- Pairs of objects, the second needed by the first; `auto` where dropping the second drops
-- the first without a word.
SELECT DISTINCT a.kind, a.name, b.kind AS on_kind, b.name AS on_name, d.deptype = 'a' AS auto
FROM pg_depend d
    JOIN node a ON a.class = d.classid AND a.oid = d.objid AND (d.objsubid = a.sub OR NOT a.with_parts)
    JOIN node b ON b.class = d.refclassid AND b.oid = d.refobjid AND (d.refobjsubid = b.sub OR NOT b.with_parts)
WHERE d.deptype IN ('n', 'a', 'P', 'S') AND (a.kind, a.name) <> (b.kind, b.name)
    -- A sequence is owned by a column and exists before it, a setting of its own.
    AND NOT (a.kind = 'sequence' AND b.kind = 'column')
    AND NOT (a.kind = 'identity' AND b.kind = 'column')
UNION
SELECT 'setting', r.name || ': replica identity', 'index', indexrelid::regclass::text, false
FROM pg_index JOIN relation r ON r.oid = indrelid WHERE indisreplident AND relreplident = 'i'
UNION
SELECT 'table', c.name, 'table', inhparent::regclass::text, false FROM pg_inherits JOIN relation c ON c.oid = inhrelid WHERE relkind IN ('r', 'p')
