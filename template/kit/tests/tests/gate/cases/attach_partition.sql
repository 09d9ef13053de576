--- base
CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_2025 (at date NOT NULL CHECK (at >= '2025-01-01' AND at < '2026-01-01'), what text);
CREATE TABLE events_2026 (at date NOT NULL CHECK (at >= '2026-01-01'), what text);
--- dangerous blocking-scan
SET LOCAL lock_timeout = '2s';
ALTER TABLE events ATTACH PARTITION events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--- safe
SET LOCAL lock_timeout = '2s';
ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
