--- dangerous session-setting
SELECT set_config('search_path', '', false);
--- safe
SELECT set_config('search_path', '', true);
