--- dangerous session-setting
SET search_path TO pg_catalog;
--- safe
SET LOCAL search_path TO pg_catalog;
