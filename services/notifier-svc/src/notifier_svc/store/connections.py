"""Our picture of the connections, which connection-svc owns."""

import asyncpg

from chassis.database import Tx
from notifier_svc.domain.notices import Connection

_REMEMBER = """INSERT INTO connections AS known (connection_id, business_id, lifecycle, generation, sequence)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (connection_id) DO UPDATE
    SET business_id = excluded.business_id, lifecycle = excluded.lifecycle, generation = excluded.generation,
        gone = false, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence"""
_NAME = """UPDATE connections SET provider = $2, organisation_name = $3, named_sequence = $4
    WHERE connection_id = $1 AND named_sequence < $4"""
_FORGET = """INSERT INTO connections AS known (connection_id, business_id, lifecycle, generation, gone, sequence)
    VALUES ($1, $2, 'gone', 0, true, $3)
    ON CONFLICT (connection_id) DO UPDATE SET lifecycle = 'gone', gone = true, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence"""
_GET = "SELECT * FROM connections WHERE connection_id = $1 AND business_id = $2 AND NOT gone"
_OF_BUSINESS = "SELECT * FROM connections WHERE business_id = $1"


async def remember(tx: Tx, connection: Connection, sequence: int) -> None:
    """Keeps the state with the highest sequence, and apart from it the last provider and organisation that were said.

    Those are said by some records only: None in `connection.provider` leaves them as they are.
    """
    await tx.execute(
        _REMEMBER,
        connection.connection_id,
        connection.business_id,
        connection.lifecycle,
        connection.generation,
        sequence,
    )
    if connection.provider is not None:
        name = connection.organisation_name
        await tx.execute(_NAME, connection.connection_id, connection.provider, name, sequence)


async def forget(tx: Tx, connection_id: str, business_id: str, sequence: int) -> None:
    """The connection is gone, unless a record with a higher sequence said something else."""
    await tx.execute(_FORGET, connection_id, business_id, sequence)


async def get(tx: Tx, connection_id: str, business_id: str) -> Connection | None:
    """None for one that nobody told us about, that is gone, or that is somebody else's."""
    row = await tx.fetchrow(_GET, connection_id, business_id)
    return None if row is None else _connection(row)


async def of_business(tx: Tx, business_id: str) -> dict[str, Connection]:
    """Every connection the business ever had, gone ones too, by id."""
    return {row["connection_id"]: _connection(row) for row in await tx.fetch(_OF_BUSINESS, business_id)}


def _connection(row: asyncpg.Record) -> Connection:
    return Connection(
        connection_id=row["connection_id"],
        business_id=row["business_id"],
        lifecycle=row["lifecycle"],
        generation=row["generation"],
        provider=row["provider"],
        organisation_name=row["organisation_name"],
    )
