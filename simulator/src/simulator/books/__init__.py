"""What the practice organisations keep: a UK chart of accounts, tax rates, contacts. Deterministic, all invented."""
