--- dangerous blocking-scan
ALTER TABLE users ADD CONSTRAINT users_city_id_fkey FOREIGN KEY (city_id) REFERENCES cities (id);
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD CONSTRAINT users_city_id_fkey FOREIGN KEY (city_id) REFERENCES cities (id) NOT VALID;
--- safe
ALTER TABLE users VALIDATE CONSTRAINT users_city_id_fkey;
