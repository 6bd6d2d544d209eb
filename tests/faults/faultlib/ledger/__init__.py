"""The business of these tests: accounts to whose ledger entries are posted. A package, so that it has migrations."""

from typing import Final

POST: Final = """WITH account AS (INSERT INTO accounts AS a (id, entries) VALUES ($3, 1)
        ON CONFLICT (id) DO UPDATE SET entries = a.entries + 1 RETURNING entries)
    INSERT INTO ledger (event_id, command, account, number) SELECT $1, $2, $3, entries FROM account"""
"""Post an entry: event id, command, account. Said before it is posted, so that the account's number is the check."""
