"""Pictures of connections, and when a worker should look at their lanes."""

from dataclasses import replace
from datetime import datetime

import asyncpg

from chassis.database import Tx
from publish_svc.domain.connections import ConnectionPicture, Gate, Lifecycle, Settings
from publish_svc.domain.items import HoldReason
from publish_svc.store.errors import ChangedMeanwhile

_ADD = """INSERT INTO connections (id, business_id, sequence, lifecycle, generation, provider, destination, gate,
        hold_reason, gate_until, closed_generation, synced_generation, expiry_told_generation, outages_in_row,
        release_id, last_position, revision)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0) ON CONFLICT DO NOTHING"""
_GET = "SELECT * FROM connections WHERE id = $1"
_SAVE = """UPDATE connections SET business_id = $2, sequence = $3, lifecycle = $4, generation = $5, provider = $6,
        destination = $7, gate = $8, hold_reason = $9, gate_until = $10, closed_generation = $11,
        synced_generation = $12, expiry_told_generation = $13, outages_in_row = $14, release_id = $15,
        last_position = $16, revision = revision + 1, due_at = '-infinity'
    WHERE id = $1 AND revision = $17"""
_REST = "UPDATE connections SET due_at = $3 WHERE id = $1 AND revision = $2"
# In no order: with many lanes due, every one gets its turn, and workers seldom reach for the same.
_DUE = "SELECT id FROM connections WHERE due_at <= $1 ORDER BY random() LIMIT $2"
_HEAR_HEALTH = """INSERT INTO providers AS known (name, sequence, health) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence, health = excluded.health
    WHERE known.sequence < excluded.sequence"""
_CLOSE_ALL = """UPDATE connections SET gate = 'closed', hold_reason = 'provider_degraded', gate_until = NULL,
        closed_generation = generation, revision = revision + 1, due_at = '-infinity'
    WHERE provider = $1 AND gate = 'open'"""
_PROBE_ALL = """UPDATE connections SET gate = 'canary', gate_until = NULL, revision = revision + 1, due_at = '-infinity'
    WHERE provider = $1 AND gate = 'closed' AND hold_reason = 'provider_degraded'"""


async def get_or_add_for_update(tx: Tx, first: ConnectionPicture) -> ConnectionPicture:
    """The picture as it is stored, or `first`, stored now; nobody else changes it until `tx` ends."""
    await tx.execute(_ADD, *_columns(first))
    return await get_for_update(tx, first.id) or first


async def get(tx: Tx, connection_id: str) -> ConnectionPicture | None:
    row = await tx.fetchrow(_GET, connection_id)
    return _picture(row) if row else None


async def get_for_update(tx: Tx, connection_id: str) -> ConnectionPicture | None:
    """The picture; nobody else changes it, or an item of its lane, until `tx` ends."""
    row = await tx.fetchrow(f"{_GET} FOR UPDATE", connection_id)
    return _picture(row) if row else None


async def save(tx: Tx, picture: ConnectionPicture) -> ConnectionPicture:
    """Store it and wake its lane. Raises ChangedMeanwhile."""
    if await tx.execute(_SAVE, *_columns(picture), picture.revision) != "UPDATE 1":
        raise ChangedMeanwhile(picture.id, picture.revision)
    return replace(picture, revision=picture.revision + 1)


async def rest(tx: Tx, picture: ConnectionPicture, until: datetime | None) -> None:
    """Let the lane rest until that time, or until it is saved again. Does nothing if that has happened already."""
    await tx.execute(_REST, picture.id, picture.revision, until)


async def due(tx: Tx, *, now: datetime, limit: int) -> list[str]:
    """Ids of connections whose lanes want a worker, a random choice of at most `limit`."""
    return [row["id"] for row in await tx.fetch(_DUE, now, limit)]


async def hear_health(tx: Tx, provider: str, sequence: int, health: str) -> bool:
    """Remember a provider's health; tells whether that was news."""
    return await tx.execute(_HEAR_HEALTH, provider, sequence, health) != "INSERT 0 0"


async def close_all_of(tx: Tx, provider: str) -> None:
    """Close every open gate to this provider: it struggles."""
    await tx.execute(_CLOSE_ALL, provider)


async def probe_all_of(tx: Tx, provider: str) -> None:
    """Let one item go at each connection that waits for this provider."""
    await tx.execute(_PROBE_ALL, provider)


def _columns(picture: ConnectionPicture) -> tuple[object, ...]:
    return (
        picture.id,
        picture.business_id,
        picture.sequence,
        picture.lifecycle,
        picture.generation,
        picture.provider,
        picture.settings.destination,
        picture.gate,
        picture.hold_reason,
        picture.gate_until,
        picture.closed_generation,
        picture.synced_generation,
        picture.expiry_told_generation,
        picture.outages_in_row,
        picture.release_id,
        picture.last_position,
    )


def _picture(row: asyncpg.Record) -> ConnectionPicture:
    return ConnectionPicture(
        id=row["id"],
        business_id=row["business_id"],
        sequence=row["sequence"],
        lifecycle=Lifecycle(row["lifecycle"]),
        generation=row["generation"],
        provider=row["provider"],
        settings=Settings(row["destination"]),
        gate=Gate(row["gate"]),
        hold_reason=HoldReason(row["hold_reason"]) if row["hold_reason"] else None,
        gate_until=row["gate_until"],
        closed_generation=row["closed_generation"],
        synced_generation=row["synced_generation"],
        expiry_told_generation=row["expiry_told_generation"],
        outages_in_row=row["outages_in_row"],
        release_id=row["release_id"],
        last_position=row["last_position"],
        revision=row["revision"],
    )
