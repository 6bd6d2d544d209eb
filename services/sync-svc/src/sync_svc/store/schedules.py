"""Schedules, and the ones that are due."""

from datetime import datetime

import asyncpg

from chassis.database import Tx
from sync_svc.domain.connections import Connection, Lifecycle
from sync_svc.domain.errors import ChangedMeanwhile
from sync_svc.domain.schedules import ABANDONED_AFTER, Schedule

_ADD = """INSERT INTO schedules (connection_id, business_id, due_at, asked_generation, revision)
    VALUES ($1, $2, $3, 0, 0) ON CONFLICT DO NOTHING"""
_GET = "SELECT * FROM schedules WHERE business_id = $1 AND connection_id = $2"
_SAVE = """UPDATE schedules SET due_at = $3, asked_generation = $4, open_sync_id = $5, asked_at = $6,
        completed_at = $7, revision = revision + 1
    WHERE connection_id = $1 AND revision = $2"""
# SKIP LOCKED: what another worker is just asking for is not due for us. A provider that struggles is left alone;
# its connections stay due, so that they are asked for as soon as it is well again.
_CLAIM_DUE = """SELECT s.*, c.lifecycle, c.generation, c.sequence, c.provider
    FROM schedules s JOIN connections c ON c.id = s.connection_id LEFT JOIN providers p ON p.name = c.provider
    WHERE s.due_at <= $1 AND c.lifecycle = 'active' AND p.health IS DISTINCT FROM 'degraded'
        AND (s.open_sync_id IS NULL OR s.asked_at <= $1 - $2::interval)
    ORDER BY s.due_at LIMIT $3 FOR UPDATE OF s SKIP LOCKED"""


async def add_unless_known(tx: Tx, schedule: Schedule) -> None:
    await tx.execute(_ADD, schedule.connection_id, schedule.business_id, schedule.due_at)


async def get(tx: Tx, business_id: str, connection_id: str) -> Schedule | None:
    row = await tx.fetchrow(_GET, business_id, connection_id)
    return _schedule(row) if row else None


async def get_for_update(tx: Tx, business_id: str, connection_id: str) -> Schedule | None:
    row = await tx.fetchrow(f"{_GET} FOR UPDATE", business_id, connection_id)
    return _schedule(row) if row else None


async def claim_due(tx: Tx, *, now: datetime, limit: int) -> list[tuple[Schedule, Connection]]:
    """Usable connections whose time has come, with their schedules: nobody else's until `tx` ends."""
    rows = await tx.fetch(_CLAIM_DUE, now, ABANDONED_AFTER, limit)
    return [(_schedule(row), _connection(row)) for row in rows]


async def save(tx: Tx, schedule: Schedule) -> None:
    """Raises ChangedMeanwhile."""
    done = await tx.execute(
        _SAVE,
        schedule.connection_id,
        schedule.revision,
        schedule.due_at,
        schedule.asked_generation,
        schedule.open_sync_id,
        schedule.asked_at,
        schedule.completed_at,
    )
    if done != "UPDATE 1":
        raise ChangedMeanwhile(f"the schedule of {schedule.connection_id}", schedule.revision)


def _schedule(row: asyncpg.Record) -> Schedule:
    return Schedule(
        connection_id=row["connection_id"],
        business_id=row["business_id"],
        due_at=row["due_at"],
        asked_generation=row["asked_generation"],
        open_sync_id=row["open_sync_id"],
        asked_at=row["asked_at"],
        completed_at=row["completed_at"],
        revision=row["revision"],
    )


def _connection(row: asyncpg.Record) -> Connection:
    return Connection(
        id=row["connection_id"],
        business_id=row["business_id"],
        provider=row["provider"],
        lifecycle=Lifecycle(row["lifecycle"]),
        generation=row["generation"],
        sequence=row["sequence"],
    )
