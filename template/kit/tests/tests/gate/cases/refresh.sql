--- base
CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(total) AS total FROM orders GROUP BY user_id;
CREATE UNIQUE INDEX totals_user_id ON totals (user_id);
--- dangerous blocking-rewrite
REFRESH MATERIALIZED VIEW totals;
--- safe
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;
