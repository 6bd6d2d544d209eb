-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS ledger_by_command ON ledger (command);
