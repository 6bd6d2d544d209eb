"""Reconnect cases."""

from datetime import datetime

import asyncpg

from chassis.database import Tx
from connection_svc.domain.connection import Connection, ExpiryReason
from connection_svc.domain.reconnect import CaseOutcome, ReconnectCase, remind_at

GET = "SELECT * FROM reconnect_cases WHERE id = $1 AND business_id = $2"

OPEN_OF_CONNECTION = """
SELECT * FROM reconnect_cases WHERE connection_id = $1 AND business_id = $2 AND closed_at IS NULL
"""

OPEN_FOR_UPDATE = OPEN_OF_CONNECTION + " FOR UPDATE"

TO_REMIND = "SELECT * FROM reconnect_cases WHERE remind_at <= $1 ORDER BY remind_at LIMIT $2"

INSERT = """
INSERT INTO reconnect_cases (id, business_id, connection_id, generation, reason, opened_at, stage, remind_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

SAVE = """
UPDATE reconnect_cases
   SET stage = $3, remind_at = $4, closed_at = $5, outcome = $6, snoozed_until = $7, asked_at = $8
 WHERE id = $1 AND business_id = $2
"""


class UnknownCase(LookupError):
    """The business has no such reconnect case; somebody else's is unknown, too."""

    def __init__(self, case_id: str) -> None:
        self.case_id = case_id
        super().__init__(f"there is no reconnect case {case_id}")


async def get(tx: Tx, business_id: str, case_id: str) -> ReconnectCase:
    """Raises UnknownCase."""
    row = await tx.fetchrow(GET, case_id, business_id)
    if row is None:
        raise UnknownCase(case_id)
    return _case(row)


async def find_open(tx: Tx, business_id: str, connection_id: str) -> ReconnectCase | None:
    """The open case of a connection whose row the caller holds, locked."""
    row = await tx.fetchrow(OPEN_FOR_UPDATE, connection_id, business_id)
    return _case(row) if row else None


async def shown_open(tx: Tx, connection: Connection) -> ReconnectCase | None:
    """The open case of a connection, to tell of it: not locked."""
    row = await tx.fetchrow(OPEN_OF_CONNECTION, connection.id, connection.business_id)
    return _case(row) if row else None


async def to_remind(tx: Tx, *, now: datetime, limit: int) -> list[ReconnectCase]:
    """Open cases, of any business, with a reminder due. Not locked: the connection's row comes first."""
    return [_case(row) for row in await tx.fetch(TO_REMIND, now, limit)]


async def add(tx: Tx, case: ReconnectCase) -> None:
    """Keep a new case. A second open one of the same connection is refused by the database: it would be a mistake."""
    await tx.execute(
        INSERT,
        case.id,
        case.business_id,
        case.connection_id,
        case.generation,
        case.reason,
        case.opened_at,
        case.stage,
        remind_at(case),
    )


async def save(tx: Tx, case: ReconnectCase) -> None:
    """The caller holds the row of the case's connection."""
    await tx.execute(
        SAVE,
        case.id,
        case.business_id,
        case.stage,
        remind_at(case),
        case.closed_at,
        case.outcome,
        case.snoozed_until,
        case.asked_at,
    )


def _case(row: asyncpg.Record) -> ReconnectCase:
    return ReconnectCase(
        id=row["id"],
        business_id=row["business_id"],
        connection_id=row["connection_id"],
        generation=row["generation"],
        reason=ExpiryReason(row["reason"]),
        opened_at=row["opened_at"],
        stage=row["stage"],
        closed_at=row["closed_at"],
        outcome=CaseOutcome(row["outcome"]) if row["outcome"] else None,
        snoozed_until=row["snoozed_until"],
        asked_at=row["asked_at"],
    )
