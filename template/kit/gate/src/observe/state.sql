-- A JSON object for each table that this session holds a lock on, or for all of them,
-- with an OID of at most $2.
SELECT json_build_object(
    'oid', l.oid::int8,
    'mode', l.mode,
    'scans', pg_stat_get_xact_numscans(l.oid),
    'lock_timeout', current_setting('lock_timeout') <> '0',
    'relation', CASE WHEN c.oid IS NOT NULL THEN json_build_object(
        'name', CASE nspname WHEN 'public' THEN '' ELSE quote_ident(nspname) || '.' END || quote_ident(relname),
        'file', coalesce(pg_relation_filenode(c.oid), 0)::int8,
        'columns', (SELECT coalesce(json_object_agg(attnum, json_build_object('name', quote_ident(attname),
                'type', format_type(atttypid, atttypmod), 'base', atttypid::int8)), '{}')
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
    ) END)::text
FROM (
    SELECT oid, max(array_position('{AccessShareLock,RowShareLock,RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,
            ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}', mode)) - 1 AS mode
    FROM (
        SELECT relation AS oid, mode FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype = 'relation'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        UNION ALL
        SELECT oid, NULL FROM pg_class WHERE $1
    ) touched
    WHERE oid::int8 BETWEEN 16384 AND $2 GROUP BY oid
) l
    LEFT JOIN pg_class c ON c.oid = l.oid
    LEFT JOIN pg_namespace n ON n.oid = relnamespace
WHERE c.oid IS NULL OR relkind IN ('r', 'p', 'm') AND nspname !~ '^pg_(toast|temp)'
