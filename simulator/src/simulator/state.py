"""Everything the simulator knows, in one SQLite file.

One connection, used only from the event loop and never across an await: a transaction is therefore alone, and what
it committed survives a restart and a SIGKILL. A power failure may cost the last commits (synchronous=NORMAL).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Tx = sqlite3.Connection

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS organisations (
    provider TEXT NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (provider, id)
) WITHOUT ROWID;

-- Lists and documents alike: whatever a provider keeps for an organisation, in the order it was created.
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL, organisation TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    key TEXT NOT NULL,                      -- what the record is looked up by: a name or a number, lower case
    body TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    UNIQUE (provider, organisation, kind, id)
);
CREATE INDEX IF NOT EXISTS records_key ON records (provider, organisation, kind, key);

CREATE TABLE IF NOT EXISTS attachments (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL, organisation TEXT NOT NULL, document_kind TEXT NOT NULL, document_id TEXT NOT NULL,
    id TEXT NOT NULL, file_name TEXT NOT NULL, content_type TEXT NOT NULL, content BLOB NOT NULL,
    UNIQUE (provider, organisation, id)
);

CREATE TABLE IF NOT EXISTS authorize_requests (
    id TEXT PRIMARY KEY, provider TEXT NOT NULL, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
    scopes TEXT NOT NULL, state TEXT, code_challenge TEXT, nonce TEXT, login_hint TEXT, user TEXT,
    status TEXT NOT NULL CHECK (status IN ('open', 'answered', 'expired')), created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS grants (
    id TEXT PRIMARY KEY, provider TEXT NOT NULL, user TEXT NOT NULL, scopes TEXT NOT NULL,
    organisation TEXT, nonce TEXT, created_at INTEGER NOT NULL, ended_at INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY, grant_id TEXT NOT NULL REFERENCES grants, redirect_uri TEXT NOT NULL,
    code_challenge TEXT, expires_at INTEGER NOT NULL, used_at INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS refresh_tokens (
    token TEXT PRIMARY KEY, grant_id TEXT NOT NULL REFERENCES grants,
    issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, replaced_at INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS access_tokens (
    token TEXT PRIMARY KEY, grant_id TEXT NOT NULL REFERENCES grants, expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Xero only: which organisations a user connected to the application.
CREATE TABLE IF NOT EXISTS connections (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, organisation TEXT NOT NULL, grant_id TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, UNIQUE (user, organisation)
) WITHOUT ROWID;

-- Sage only: the businesses that a login reaches.
CREATE TABLE IF NOT EXISTS reached (
    grant_id TEXT NOT NULL REFERENCES grants, organisation TEXT NOT NULL, PRIMARY KEY (grant_id, organisation)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS idempotency (
    provider TEXT NOT NULL, organisation TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL, content_type TEXT NOT NULL, body BLOB NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (provider, organisation, key)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS limit_windows (
    provider TEXT NOT NULL, organisation TEXT NOT NULL, window TEXT NOT NULL,
    started_at INTEGER NOT NULL, calls INTEGER NOT NULL,
    PRIMARY KEY (provider, organisation, window)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, let_through INTEGER NOT NULL, remaining INTEGER
);

CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL, provider TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL,
    status INTEGER,                         -- what was answered; null when the connection was cut instead
    organisation TEXT, effect_kind TEXT, effect_id TEXT, effect_reference TEXT, fault TEXT
);
"""

FORGOTTEN_BY_RESET = [
    "journal",
    "faults",
    "limit_windows",
    "idempotency",
    "connections",
    "reached",
    "access_tokens",
    "refresh_tokens",
    "codes",
    "grants",
    "authorize_requests",
    "attachments",
    "records",
    "organisations",
]


class State:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Built by the main thread, used by the event loop's: never by both at once.
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 5000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """All or nothing. The block must not await."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def forget_everything(tx: Tx) -> None:
    """Empty every table but the facts: signing keys stay, so that readers of the key set notice nothing."""
    for table in FORGOTTEN_BY_RESET:
        tx.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the constant above
