"""Lists and the last content of their entries."""

from dataclasses import dataclass

import asyncpg

from chassis.database import Tx
from sync_svc.domain.entries import Changes, Content, ListState, Place

_STATES = "SELECT * FROM lists WHERE business_id = $1 AND connection_id = $2 ORDER BY list"
_SAVE_STATE = """INSERT INTO lists AS known (connection_id, list, business_id, version, total, generation, read_at,
        read_in_full_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (connection_id, list) DO UPDATE SET version = excluded.version, total = excluded.total,
        generation = excluded.generation, read_at = excluded.read_at, read_in_full_at = excluded.read_in_full_at"""
_FINGERPRINTS = """SELECT external_id, fingerprint FROM entries
    WHERE business_id = $1 AND connection_id = $2 AND list = $3 AND NOT gone"""
_SAVE = """INSERT INTO entries (connection_id, list, business_id, list_version, external_id, fingerprint, content)
    SELECT $1, $2, $3, $4, * FROM unnest($5::text[], $6::bytea[], $7::jsonb[])
    ON CONFLICT (connection_id, list, external_id) DO UPDATE
        SET list_version = excluded.list_version, fingerprint = excluded.fingerprint, content = excluded.content,
            gone = false"""
_REMOVE = """UPDATE entries SET gone = true
    WHERE business_id = $1 AND connection_id = $2 AND list = $3 AND external_id = ANY($4::text[])"""
_PAGE = """SELECT * FROM entries WHERE (connection_id, list, external_id) > ($1, $2, $3)
    ORDER BY connection_id, list, external_id LIMIT $4 FOR UPDATE"""


@dataclass(frozen=True)
class Stored:
    """An entry as it was last said; its last content, if that was that it is gone."""

    place: Place
    list_version: int
    content: Content
    gone: bool


async def states(tx: Tx, business_id: str, connection_id: str) -> dict[str, ListState]:
    rows = await tx.fetch(_STATES, business_id, connection_id)
    return {row["list"]: _state(row) for row in rows}


async def save_state(tx: Tx, place: Place, state: ListState) -> None:
    await tx.execute(
        _SAVE_STATE,
        place.connection_id,
        place.list,
        place.business_id,
        state.version,
        state.total,
        state.generation,
        state.read_at,
        state.read_in_full_at,
    )


async def fingerprints(tx: Tx, place: Place) -> dict[str, bytes]:
    """What is known of the list, by external id."""
    rows = await tx.fetch(_FINGERPRINTS, place.business_id, place.connection_id, place.list)
    return {row["external_id"]: row["fingerprint"] for row in rows}


async def apply(tx: Tx, place: Place, changes: Changes, *, list_version: int) -> None:
    written = (*changes.added, *changes.updated)
    await tx.execute(
        _SAVE,
        place.connection_id,
        place.list,
        place.business_id,
        list_version,
        [content.external_id for content in written],
        [content.fingerprint() for content in written],
        [content.as_json() for content in written],
    )
    await tx.execute(_REMOVE, place.business_id, place.connection_id, place.list, list(changes.removed))


async def page_after(tx: Tx, last: Stored | None, *, limit: int) -> list[Stored]:
    """The entries of all businesses, gone ones too, in order; none of them changes until `tx` ends."""
    after = (last.place.connection_id, last.place.list, last.content.external_id) if last else ("", "", "")
    return [
        Stored(
            Place(row["business_id"], row["connection_id"], row["list"]),
            row["list_version"],
            Content.from_json(row["content"]),
            row["gone"],
        )
        for row in await tx.fetch(_PAGE, *after, limit)
    ]


def _state(row: asyncpg.Record) -> ListState:
    return ListState(
        list=row["list"],
        version=row["version"],
        total=row["total"],
        generation=row["generation"],
        read_at=row["read_at"],
        read_in_full_at=row["read_in_full_at"],
    )
