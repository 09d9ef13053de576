--- dangerous blocking-scan
ALTER TABLE users ADD CONSTRAINT users_age_check CHECK (age > 17);
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD CONSTRAINT users_age_check CHECK (age > 17) NOT VALID;
--- safe
ALTER TABLE users VALIDATE CONSTRAINT users_age_check;
