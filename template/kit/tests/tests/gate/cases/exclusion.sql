--- base
CREATE TABLE bookings (id bigint PRIMARY KEY, during tstzrange NOT NULL);
--- dangerous blocking-scan
SET LOCAL lock_timeout = '2s';
ALTER TABLE bookings ADD CONSTRAINT bookings_during_excl EXCLUDE USING gist (during WITH &&);
--- safe
CREATE TABLE stays (id bigint PRIMARY KEY, during tstzrange NOT NULL, EXCLUDE USING gist (during WITH &&));
