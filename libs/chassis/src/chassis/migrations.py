"""Numbered SQL files, applied once each, forward only: first the chassis' own set, then the service's.

A file is `NNNN_what_it_does.sql` and runs in one transaction together with the note that it ran. A file whose first
line is `-- no-transaction` holds exactly one statement (`CREATE INDEX CONCURRENTLY IF NOT EXISTS …`) and must be safe
to run again, since it may be cut off between its effect and the note.
"""

import asyncio
import hashlib
import importlib
import re
from contextlib import nullcontext
from pathlib import Path

import asyncpg
import structlog

_LOCK = 0x6D69_6772_6174_6521  # any number that nobody else takes
_FILE = re.compile(r"(\d{4})_\w+\.sql")
_NOTES = """CREATE TABLE IF NOT EXISTS schema_migrations (
    set text, version int, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (set, version))"""
_NOTE = "INSERT INTO schema_migrations (set, version, name, checksum) VALUES ($1, $2, $3, $4)"
# A concurrent build that was cut off leaves its index: never used, and in the way of IF NOT EXISTS.
_HALF_BUILT = """SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND strpos($1, relname) > 0"""
_log = structlog.get_logger(__name__)


class MigrationRefused(Exception):
    """The files and what the database says ran do not fit; nothing further was applied."""


def directory_of(package: str) -> Path:
    """The service's `migrations/`: inside the installed package, or beside `src/` in a checkout."""
    home = Path(str(importlib.import_module(package).__file__)).parent
    for candidate in (home / "migrations", home.parent.parent / "migrations"):
        if candidate.is_dir():
            return candidate
    raise MigrationRefused(f"package {package} has no migrations folder")


async def migrate(url: str, service_package: str) -> None:
    """Bring the database at `url` (a direct connection, as its owner) to the newest version.

    Safe to run several times at once: the others wait, then find nothing left to do. Raises `MigrationRefused` when a
    file that ran was edited or a new one is numbered below one that ran. Versions that this release does not know
    are left alone: an older release may start beside a newer schema.
    """
    connection = await asyncpg.connect(url, timeout=10)
    try:
        # Asked for again and again, never waited for: a waiting statement holds a snapshot, and CREATE INDEX
        # CONCURRENTLY in the runner that has the lock would wait for that snapshot for ever.
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        # A migration that cannot get its lock gives way to the traffic; waiting would queue the traffic behind it.
        await connection.execute("SET lock_timeout = '5s'")
        await connection.execute(_NOTES)
        await _apply(connection, "chassis", Path(__file__).parent / "schema")
        await _apply(connection, service_package, directory_of(service_package))
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection, name: str, directory: Path) -> None:
    notes = await connection.fetch("SELECT version, checksum FROM schema_migrations WHERE set = $1", name)
    ran = {note["version"]: note["checksum"] for note in notes}
    for file in sorted(directory.glob("*.sql")):  # noqa: ASYNC240 - nothing else waits
        match, sql = _FILE.fullmatch(file.name), file.read_text()
        if match is None:
            raise MigrationRefused(f"{name}/{file.name} is not named NNNN_what_it_does.sql")
        version, checksum = int(match[1]), hashlib.sha256(sql.encode()).hexdigest()
        if ran.get(version) == checksum:
            continue
        if version in ran:
            raise MigrationRefused(f"{name}/{file.name} was changed after it ran: add a new file instead")
        if version < max(ran, default=0):
            raise MigrationRefused(f"{name}/{file.name} is numbered below {max(ran):04}, which already ran")
        is_alone = sql.startswith("-- no-transaction")
        for half_built in await connection.fetch(_HALF_BUILT, sql) if is_alone else ():
            await connection.execute(f"DROP INDEX CONCURRENTLY {half_built[0]}")
        async with nullcontext() if is_alone else connection.transaction():
            await connection.execute(sql)
            await connection.execute(_NOTE, name, version, file.name, checksum)
        ran[version] = checksum
        _log.info("migration.applied", set=name, file=file.name)
