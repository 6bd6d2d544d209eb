-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS archive_by_weight ON archive (weight, account);
