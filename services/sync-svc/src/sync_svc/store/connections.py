"""Pictures of connections and of the providers' health. The highest sequence wins."""

import asyncpg

from chassis.database import Tx
from sync_svc.domain.connections import Connection, Lifecycle

_REMEMBER = """INSERT INTO connections AS known (id, business_id, provider, lifecycle, generation, sequence)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (id) DO UPDATE SET provider = coalesce(excluded.provider, known.provider),
        lifecycle = excluded.lifecycle, generation = excluded.generation, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence
    RETURNING *"""
_FORGET = "UPDATE connections SET lifecycle = 'disconnected', sequence = $2 WHERE id = $1 AND sequence < $2"
_GET = "SELECT * FROM connections WHERE business_id = $1 AND id = $2"
_HAS_LEFT = (
    """SELECT true FROM connections WHERE business_id = $1 AND id = $2 AND lifecycle = 'disconnected' FOR SHARE"""
)
_HEAR_HEALTH = """INSERT INTO providers AS known (name, health, sequence) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET health = excluded.health, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence"""


async def remember(tx: Tx, connection: Connection) -> Connection | None:
    """Keep what a record says; None when a later one was known already. The row is ours until `tx` ends."""
    row = await tx.fetchrow(
        _REMEMBER,
        connection.id,
        connection.business_id,
        connection.provider,
        connection.lifecycle,
        connection.generation,
        connection.sequence,
    )
    return _connection(row) if row else None


async def forget(tx: Tx, connection_id: str, sequence: int) -> None:
    """The connection is gone for good; its row stays, with the sequence."""
    await tx.execute(_FORGET, connection_id, sequence)


async def get(tx: Tx, business_id: str, connection_id: str) -> Connection | None:
    row = await tx.fetchrow(_GET, business_id, connection_id)
    return _connection(row) if row else None


async def has_left(tx: Tx, business_id: str, connection_id: str) -> bool:
    """Whether the customer has disconnected it; until `tx` ends nobody hears that he has."""
    return bool(await tx.fetchval(_HAS_LEFT, business_id, connection_id))


async def hear_health(tx: Tx, provider: str, health: str, sequence: int) -> None:
    await tx.execute(_HEAR_HEALTH, provider, health, sequence)


def _connection(row: asyncpg.Record) -> Connection:
    return Connection(
        id=row["id"],
        business_id=row["business_id"],
        provider=row["provider"],
        lifecycle=Lifecycle(row["lifecycle"]),
        generation=row["generation"],
        sequence=row["sequence"],
    )
