"""The lists and documents of an organisation, as JSON bodies in the order they were created."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from simulator.clock import from_ms, to_ms
from simulator.encoding import Json, dumps, loads
from simulator.state import Tx


@dataclass(frozen=True)
class Place:
    """Where a record lives: one organisation at one provider."""

    provider: str
    organisation: str


@dataclass(frozen=True)
class Record:
    kind: str
    id: str
    body: Json
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class NewRecord:
    kind: str
    id: str
    key: str
    body: Json


def find(tx: Tx, place: Place, kind: str, record_id: str) -> Record | None:
    row = tx.execute(
        "SELECT * FROM records WHERE provider = ? AND organisation = ? AND kind = ? AND id = ?",
        (place.provider, place.organisation, kind, record_id),
    ).fetchone()
    return _record(row) if row else None


def find_by_key(tx: Tx, place: Place, kind: str, key: str) -> list[Record]:
    """Those of a kind with this name or number, letter case aside, oldest first."""
    rows = tx.execute(
        "SELECT * FROM records WHERE provider = ? AND organisation = ? AND kind = ? AND key = ? ORDER BY seq",
        (place.provider, place.organisation, kind, key.lower()),
    )
    return [_record(row) for row in rows]


def all_of(tx: Tx, place: Place, kind: str) -> list[Record]:
    rows = tx.execute(
        "SELECT * FROM records WHERE provider = ? AND organisation = ? AND kind = ? ORDER BY seq",
        (place.provider, place.organisation, kind),
    )
    return [_record(row) for row in rows]


def add(tx: Tx, place: Place, new: Iterable[NewRecord], *, at: datetime) -> None:
    tx.executemany(
        "INSERT INTO records (provider, organisation, kind, id, key, body, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                place.provider,
                place.organisation,
                one.kind,
                one.id,
                one.key.lower(),
                dumps(one.body),
                to_ms(at),
                to_ms(at),
            )
            for one in new
        ),
    )


def change(tx: Tx, place: Place, new: NewRecord, *, at: datetime) -> None:
    tx.execute(
        "UPDATE records SET key = ?, body = ?, updated_at = ?"
        " WHERE provider = ? AND organisation = ? AND kind = ? AND id = ?",
        (new.key.lower(), dumps(new.body), to_ms(at), place.provider, place.organisation, new.kind, new.id),
    )


def next_number(tx: Tx, place: Place, kind: str) -> str:
    """The next free numeric id of a kind, for a provider that numbers what it keeps."""
    (highest,) = tx.execute(
        "SELECT coalesce(max(CAST(id AS INTEGER)), 0) FROM records"
        " WHERE provider = ? AND organisation = ? AND kind = ?",
        (place.provider, place.organisation, kind),
    ).fetchone()
    return str(highest + 1)


def _record(row: sqlite3.Row) -> Record:
    return Record(row["kind"], row["id"], loads(row["body"]), from_ms(row["created_at"]), from_ms(row["updated_at"]))
