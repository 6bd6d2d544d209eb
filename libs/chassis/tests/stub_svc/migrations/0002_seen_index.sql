-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS things_by_seen ON things USING gin (seen)
