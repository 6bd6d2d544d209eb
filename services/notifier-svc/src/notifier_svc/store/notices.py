"""Notices, which are ours."""

from datetime import datetime

import asyncpg

from chassis.database import Tx
from notifier_svc.domain.notices import REPEATED, Channel, Notice, Stage, State

_ADD = """INSERT INTO notices (notice_id, business_id, connection_id, generation, stage, recipient, channel, state,
        reason, reconnect_id, happened_at, created_at, next_attempt_at, correlation_id, causation_id, asked_by,
        link_lifetime_seconds)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (business_id, connection_id, generation, stage, recipient, channel) """
_ONCE = _ADD + "DO NOTHING"
# A mail that still waits to be sent will do for both.
_AGAIN = (
    _ADD
    + """DO UPDATE SET notice_id = excluded.notice_id, state = excluded.state, reconnect_id = excluded.reconnect_id,
        reason = excluded.reason, happened_at = excluded.happened_at, created_at = excluded.created_at, read_at = NULL,
        attempts = 0, next_attempt_at = excluded.next_attempt_at, correlation_id = excluded.correlation_id,
        causation_id = excluded.causation_id, asked_by = excluded.asked_by,
        link_lifetime_seconds = excluded.link_lifetime_seconds
    WHERE notices.state <> 'due'"""
)
_SAVE = "UPDATE notices SET state = $2, attempts = $3, next_attempt_at = $4 WHERE notice_id = $1"
_DUE = """SELECT notice_id FROM notices WHERE state = 'due' AND next_attempt_at <= $1
    ORDER BY next_attempt_at LIMIT $2"""
_GET = "SELECT * FROM notices WHERE notice_id = $1"
_TOLD = """SELECT DISTINCT recipient FROM notices
    WHERE business_id = $1 AND connection_id = $2 AND generation = $3 AND stage = $4 ORDER BY recipient"""
_OF_PERSON = """SELECT * FROM notices
    WHERE business_id = $1 AND recipient = $2 AND channel = 'in_app' AND ($3 = '' OR notice_id < $3)
    ORDER BY notice_id DESC LIMIT $4"""
_READ = """UPDATE notices SET read_at = coalesce(read_at, $4)
    WHERE notice_id = $1 AND business_id = $2 AND recipient = $3 AND channel = 'in_app'"""


async def add(tx: Tx, notice: Notice) -> bool:
    """False when that person was told of it over that channel before: then nothing is added.

    One of a stage in REPEATED takes the place of the one before it, with an id of its own.
    """
    added = await tx.execute(
        _AGAIN if notice.stage in REPEATED else _ONCE,
        notice.notice_id,
        notice.business_id,
        notice.connection_id,
        notice.generation,
        notice.stage,
        notice.recipient,
        notice.channel,
        notice.state,
        notice.reason,
        notice.reconnect_id,
        notice.happened_at,
        notice.created_at,
        notice.next_attempt_at,
        notice.correlation_id,
        notice.causation_id,
        notice.asked_by,
        notice.link_lifetime_seconds,
    )
    return added == "INSERT 0 1"


async def save(tx: Tx, notice: Notice) -> None:
    """Writes what became of it."""
    await tx.execute(_SAVE, notice.notice_id, notice.state, notice.attempts, notice.next_attempt_at)


async def due(tx: Tx, *, now: datetime, limit: int) -> list[str]:
    """Ids of notices that are to be sent now, the longest waiting first."""
    return [row["notice_id"] for row in await tx.fetch(_DUE, now, limit)]


async def get(tx: Tx, notice_id: str) -> Notice | None:
    """None for one whose place another has taken."""
    row = await tx.fetchrow(_GET, notice_id)
    return None if row is None else _notice(row)


async def told(tx: Tx, business_id: str, connection_id: str, generation: int, stage: Stage) -> list[str]:
    """Who was told, over any channel."""
    rows = await tx.fetch(_TOLD, business_id, connection_id, generation, stage)
    return [row["recipient"] for row in rows]


async def of_person(tx: Tx, business_id: str, user_id: str, *, before: str, limit: int) -> list[Notice]:
    """The person's notices in the product, the newest first, from the one with the id `before` on (empty: from now)."""
    return [_notice(row) for row in await tx.fetch(_OF_PERSON, business_id, user_id, before, limit)]


async def mark_read(tx: Tx, notice_id: str, business_id: str, user_id: str, *, now: datetime) -> bool:
    """False when the person has no such notice. The first reading counts."""
    return await tx.execute(_READ, notice_id, business_id, user_id, now) == "UPDATE 1"


def _notice(row: asyncpg.Record) -> Notice:
    facts = dict(row)
    return Notice(
        **{**facts, "stage": Stage(row["stage"]), "channel": Channel(row["channel"]), "state": State(row["state"])}
    )
