--- dangerous psql-command
\connect other
SELECT 1;
--- safe
SELECT E'\\connect other';
