"""What happened to a connection, who did it and when: the timeline that people read."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from chassis.database import Tx
from connection_svc.domain.connection import Connection

ADD = """
INSERT INTO connection_history (connection_id, business_id, at, what, actor_type, actor_id, details)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

OF_CONNECTION = """
SELECT * FROM connection_history WHERE connection_id = $1 AND business_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4
"""


@dataclass(frozen=True)
class Entry:
    """One line of the timeline. `details` hold nothing secret; `number` orders the lines."""

    at: datetime
    what: str
    actor_type: str
    actor_id: str
    details: dict[str, Any] = field(default_factory=dict)
    number: int = 0


async def add(tx: Tx, connection: Connection, entry: Entry) -> None:
    """Write a line in the transaction that makes it true."""
    await tx.execute(
        ADD,
        connection.id,
        connection.business_id,
        entry.at,
        entry.what,
        entry.actor_type,
        entry.actor_id,
        json.dumps(entry.details),
    )


async def of_connection(tx: Tx, connection: Connection, *, before: int, limit: int) -> list[Entry]:
    """Latest first, from before the line `before`."""
    rows = await tx.fetch(OF_CONNECTION, connection.id, connection.business_id, before, limit)
    return [_entry(row) for row in rows]


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        at=row["at"],
        what=row["what"],
        actor_type=row["actor_type"],
        actor_id=row["actor_id"],
        details=json.loads(row["details"]),
        number=row["id"],
    )
