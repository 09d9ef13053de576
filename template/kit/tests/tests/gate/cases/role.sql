--- dangerous server-wide
CREATE ROLE gate_test_reader;
--- safe
GRANT SELECT ON users TO CURRENT_USER;
