"""What the next release of the ledger adds to its database, in steps that take a while on a table with many rows."""
