-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS archive_by_account ON archive (account, at);
