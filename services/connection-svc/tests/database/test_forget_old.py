"""Logins and links that are long over are forgotten, and nothing that somebody may still need."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from build_connection_svc import BUSINESS, NOON, a_connection, an_attempt, stored

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.domain.attempt import AttemptStatus
from connection_svc.domain.connection import Connection
from connection_svc.domain.reconnect import ReconnectLink
from connection_svc.store import attempts, history, links
from connection_svc.work.end_attempts import end_attempts
from connection_svc.work.forget_old import BATCH, KEPT, forget_old

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def connection(database: Database) -> Connection:
    async with database.transaction() as tx:
        return await stored(tx, a_connection())


async def ended(database: Database, connection: Connection, status: AttemptStatus, *, expires_at: datetime) -> str:
    attempt = an_attempt(connection_id=connection.id, expires_at=expires_at)
    async with database.transaction() as tx:
        await attempts.add(tx, attempt)
        await attempts.save(tx, replace(attempt, status=status, revision=1))
    return attempt.id


async def left(database: Database) -> set[str]:
    async with database.acquire() as tx:
        return {row["id"] for row in await tx.fetch("SELECT id FROM attempts")}


@pytest.mark.parametrize(
    "status", [AttemptStatus.ACTIVATED, AttemptStatus.FAILED, AttemptStatus.CANCELLED, AttemptStatus.TIMED_OUT]
)
async def test_a_login_that_ended_is_kept_for_ninety_days(
    status: AttemptStatus, connection: Connection, database: Database, clock: FrozenClock
) -> None:
    attempt = await ended(database, connection, status, expires_at=NOON)
    clock.advance(KEPT - MINUTE)
    await forget_old(database, clock)
    assert await left(database) == {attempt}

    clock.advance(MINUTE)
    await forget_old(database, clock)
    assert await left(database) == set()


@pytest.mark.parametrize("status", [AttemptStatus.STARTED, AttemptStatus.RETURNED])
async def test_a_login_that_nobody_has_ended_yet_is_ended_before_it_is_forgotten(
    status: AttemptStatus, connection: Connection, database: Database, clock: FrozenClock
) -> None:
    attempt = await ended(database, connection, status, expires_at=NOON)
    clock.advance(2 * KEPT)
    await forget_old(database, clock)
    assert await left(database) == {attempt}

    await end_attempts(database, clock)
    await forget_old(database, clock)
    assert await left(database) == set()
    async with database.acquire() as tx:
        (line,) = await history.of_connection(tx, connection, before=2**62, limit=9)
    assert (line.what, line.details["problem"]) == ("login_failed", "timed_out"), "the history keeps it"


@pytest.mark.parametrize("used", [True, False])
async def test_a_link_is_known_for_ninety_days_after_its_end(
    used: bool, connection: Connection, database: Database, clock: FrozenClock
) -> None:
    attempt = await ended(database, connection, AttemptStatus.ACTIVATED, expires_at=NOON) if used else None
    link = ReconnectLink(b"hash", BUSINESS, connection.id, None, 1, NOON, NOON, attempt_id=attempt)
    async with database.transaction() as tx:
        await links.add(tx, link)
        await links.save(tx, replace(link, used_at=NOON if used else None))
    count = "SELECT count(*) FROM reconnect_links"

    for passed, known in ((KEPT - MINUTE, 1), (MINUTE, 0)):
        clock.advance(passed)
        await forget_old(database, clock)
        async with database.acquire() as tx:
            assert await tx.fetchval(count) == known


async def test_a_full_batch_asks_to_be_followed_and_two_workers_share_it(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    async with database.acquire() as tx:
        await tx.execute(
            """INSERT INTO attempts (id, business_id, connection_id, provider, intent, channel, return_to, started_by,
                                     binding_hash, created_at, expires_at, status, offered, revision)
               SELECT 'att_' || n, $1, $2, 'xero', 'connect', 'web', '', '', '', $3, $3, 'failed', '[]', 1
                 FROM generate_series(1, $4::int) n""",
            BUSINESS,
            connection.id,
            NOON,
            BATCH + 1,
        )
    clock.advance(KEPT)

    assert any(await asyncio.gather(*(forget_old(database, clock) for _ in range(2))))
    while await forget_old(database, clock):
        pass
    assert await left(database) == set()
