-- Roles, which belong to a whole server. Tests and commands run this file on servers for
-- development, again and again. In production run it by hand, as a user who may create roles.

-- For services: reads all tables, changes none.
DO $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('app_service'));
    IF to_regrole('app_service') IS NULL THEN
        CREATE ROLE app_service LOGIN;
        -- pg_write_all_data beside it would let services write rows.
        GRANT pg_read_all_data TO app_service;
    END IF;
    -- Amazon RDS: sign in with an IAM token.
    IF to_regrole('rds_iam') IS NOT NULL THEN
        GRANT rds_iam TO app_service;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no role app_service: % may not create it', current_user;
END
$$;
