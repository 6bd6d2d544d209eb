"""Access that is still to be given back. The tokens themselves lie with all others, until it is."""

from datetime import datetime, timedelta

import asyncpg

from chassis.database import Tx
from connection_svc.domain.access_return import AccessReturn
from connection_svc.domain.connection import Connection

ADD = """
INSERT INTO access_returns (connection_id, business_id, since, due_at, failures) VALUES ($1, $2, $3, $4, $5)
"""

IS_DUE = "SELECT true FROM access_returns WHERE connection_id = $1 AND business_id = $2"

# Due again by itself when its worker dies.
TAKE = """
UPDATE access_returns SET due_at = $1::timestamptz + $2::interval
 WHERE connection_id = (SELECT connection_id FROM access_returns WHERE due_at <= $1 ORDER BY due_at LIMIT 1
                           FOR UPDATE SKIP LOCKED)
RETURNING *
"""

PUT_OFF = "UPDATE access_returns SET due_at = $3, failures = $4 WHERE connection_id = $1 AND business_id = $2"

DONE = "DELETE FROM access_returns WHERE connection_id = $1 AND business_id = $2"


async def add(tx: Tx, due: AccessReturn) -> None:
    """The connection has just ended: have its access given back."""
    await tx.execute(ADD, due.connection_id, due.business_id, due.since, due.due_at, due.failures)


async def is_due(tx: Tx, connection: Connection) -> bool:
    """Whether the provider still has to take this connection's access back."""
    return bool(await tx.fetchval(IS_DUE, connection.id, connection.business_id))


async def take(tx: Tx, *, now: datetime, again_after: timedelta) -> AccessReturn | None:
    """The longest overdue one, of any business; it comes again after that time unless it is done or put off."""
    row = await tx.fetchrow(TAKE, now, again_after)
    return _access_return(row) if row else None


async def save(tx: Tx, due: AccessReturn) -> None:
    """When it is tried again."""
    await tx.execute(PUT_OFF, due.connection_id, due.business_id, due.due_at, due.failures)


async def done(tx: Tx, due: AccessReturn) -> None:
    """Nothing is left to give back."""
    await tx.execute(DONE, due.connection_id, due.business_id)


def _access_return(row: asyncpg.Record) -> AccessReturn:
    return AccessReturn(row["connection_id"], row["business_id"], row["since"], row["due_at"], row["failures"])
