"""The plumbing of every Relink service: consume, outbox, inbox, database, observe, run."""
