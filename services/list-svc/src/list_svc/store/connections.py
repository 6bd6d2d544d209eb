"""Our picture of the connections, which connection-svc owns."""

from chassis.database import Tx

_REMEMBER = """INSERT INTO connections AS known (connection_id, business_id, lifecycle, sequence)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (connection_id) DO UPDATE
    SET business_id = excluded.business_id, lifecycle = excluded.lifecycle, gone = false, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence"""
_FORGET = """INSERT INTO connections AS known (connection_id, business_id, lifecycle, gone, sequence)
    VALUES ($1, $2, 'unknown', true, $3)
    ON CONFLICT (connection_id) DO UPDATE SET gone = true, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence"""
_EXISTS = "SELECT EXISTS (SELECT FROM connections WHERE connection_id = $1 AND business_id = $2 AND NOT gone)"


async def remember(tx: Tx, connection_id: str, business_id: str, lifecycle: str, sequence: int) -> None:
    """Keeps the state with the highest sequence."""
    await tx.execute(_REMEMBER, connection_id, business_id, lifecycle, sequence)


async def forget(tx: Tx, connection_id: str, business_id: str, sequence: int) -> None:
    """The connection is gone, unless a record with a higher sequence said something else."""
    await tx.execute(_FORGET, connection_id, business_id, sequence)


async def exists(tx: Tx, connection_id: str, business_id: str) -> bool:
    """Whether the business has that connection. False for somebody else's."""
    return bool(await tx.fetchval(_EXISTS, connection_id, business_id))
