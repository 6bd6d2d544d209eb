-- Kept as they were written: jsonb would be taken apart and put together again for each row, and nobody looks inside.
ALTER TABLE outbox ALTER COLUMN headers TYPE json;
