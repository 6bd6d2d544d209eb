"""Numbered SQL files, applied once each, forward only: first the chassis' own set, then the service's.

A file is `NNNN_what_it_does.sql` and runs in one transaction together with the note that it ran. A file whose first
line is `-- no-transaction` holds exactly one statement (`CREATE INDEX CONCURRENTLY IF NOT EXISTS …`) and must be safe
to run again, since it may be cut off between its effect and the note.
"""

import asyncio
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import structlog

_LOCK = 0x6D69_6772_6174_6521  # any number that nobody else takes
_FILE = re.compile(r"(\d{4})_\w+\.sql")
_NOTES = """CREATE TABLE IF NOT EXISTS schema_migrations (
    set text, version int, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (set, version))"""
_NOTE = "INSERT INTO schema_migrations (set, version, name, checksum) VALUES ($1, $2, $3, $4)"

_log = structlog.get_logger(__name__)


class MigrationRefused(Exception):
    """The files and what the database says ran do not fit; nothing further was applied."""


@dataclass(frozen=True)
class _File:
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def directory_of(package: str) -> Path:
    """The service's `migrations/`: inside the installed package, or beside `src/` in a checkout."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MigrationRefused(f"package {package} is not installed")
    home = Path(spec.origin).parent
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
        await _lock(connection)
        # A migration that cannot get its lock gives way to the traffic; waiting would queue the traffic behind it.
        await connection.execute("SET lock_timeout = '5s'")
        await connection.execute(_NOTES)
        await _apply(connection, "chassis", Path(__file__).parent / "schema")
        await _apply(connection, service_package, directory_of(service_package))
    finally:
        await connection.close()


async def _lock(connection: asyncpg.Connection) -> None:
    # Asked for again and again, never waited for: a waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY
    # in the runner that has the lock would wait for that snapshot for ever.
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def _apply(connection: asyncpg.Connection, name: str, directory: Path) -> None:
    noted = await connection.fetch("SELECT version, checksum FROM schema_migrations WHERE set = $1", name)
    ran = {row["version"]: row["checksum"] for row in noted}
    for file in _files(directory):
        if file.version not in ran:
            if ran and file.version < max(ran):
                raise MigrationRefused(f"{name}/{file.name} is numbered below {max(ran):04}, which already ran")
            await _run(connection, name, file)
        elif ran[file.version] != file.checksum:
            raise MigrationRefused(f"{name}/{file.name} was changed after it ran: add a new file instead")


def _files(directory: Path) -> list[_File]:
    files = []
    for path in sorted(directory.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise MigrationRefused(f"{path.name} is not named NNNN_what_it_does.sql")
        files.append(_File(int(match[1]), path.name, path.read_text()))
    if len({file.version for file in files}) < len(files):
        raise MigrationRefused(f"two files in {directory} have the same number")
    return files


async def _run(connection: asyncpg.Connection, name: str, file: _File) -> None:
    note = (name, file.version, file.name, file.checksum)
    if file.sql.startswith("-- no-transaction"):
        await connection.execute(file.sql)
        await connection.execute(_NOTE, *note)
    else:
        async with connection.transaction():
            await connection.execute(file.sql)
            await connection.execute(_NOTE, *note)
    _log.info("migration.applied", set=name, file=file.name)
