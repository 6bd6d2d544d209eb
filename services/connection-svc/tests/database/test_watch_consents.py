"""The yearly clock says each thing once, through any number of replicas and restarts."""

import asyncio
from datetime import timedelta

import pytest
from build_connection_svc import BUSINESS, NOON, YEAR, Organisation, a_connection, said, stored, types_said

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.domain.connection import Connection, Lifecycle
from connection_svc.store import cases, connections, history
from connection_svc.store.connections import WATCHED_AT_ONCE
from connection_svc.work.remind import remind
from connection_svc.work.watch_consents import watch_consents

DAY = timedelta(days=1)
EXPIRY = ["connection.expired", "reconnect.requested", "connection.state"]


@pytest.fixture
async def connection(database: Database) -> Connection:
    async with database.transaction() as tx:
        return await stored(tx, a_connection())


async def everything_said(database: Database) -> list[str]:
    async with database.acquire() as tx:
        return await types_said(tx)


async def test_two_replicas_say_each_stage_and_the_expiry_once(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    stages = []
    for days_left in range(40, -2, -1):
        clock.advance(NOON + YEAR - days_left * DAY - clock.now())
        await asyncio.gather(*(watch_consents(database, clock) for _ in range(2)))
    async with database.acquire() as tx:
        for event, data in await said(tx):
            stages.append(data["stage"] if event == "connection.expiring" else event)

    assert stages == [30, 14, 7, 1, *EXPIRY]


async def test_two_replicas_share_what_is_due_at_once_and_say_nothing_twice(
    database: Database, clock: FrozenClock
) -> None:
    async with database.transaction() as tx:
        many = [
            await stored(tx, a_connection(organisation=Organisation(f"org-{number}", "One of many")))
            for number in range(3 * WATCHED_AT_ONCE + 1)
        ]
    clock.advance(YEAR - 30 * DAY)

    async def replica() -> int:
        rounds = 1
        while await watch_consents(database, clock):
            rounds += 1
        return rounds

    rounds = await asyncio.gather(replica(), replica())

    assert min(rounds) > 1, "both had a share"
    async with database.acquire() as tx:
        told = [(event, data["connection_id"]) for event, data in await said(tx)]
    assert sorted(told) == sorted(("connection.expiring", one.id) for one in many)


async def test_a_replica_that_dies_in_the_middle_has_said_nothing(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    waiting = "FROM pg_locks WHERE NOT granted AND relation = 'connection_history'::regclass"
    clock.advance(YEAR)
    async with database.transaction() as tx:
        await tx.execute("LOCK TABLE connection_history IN EXCLUSIVE MODE")
        dying = asyncio.create_task(watch_consents(database, clock))
        while not await tx.fetchval(f"SELECT count(*) {waiting}"):  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.02)
        await tx.execute(f"SELECT pg_terminate_backend(pid) {waiting}")
        (outcome,) = await asyncio.gather(dying, return_exceptions=True)
    assert isinstance(outcome, Exception)
    assert await everything_said(database) == []

    await watch_consents(database, clock)
    assert await everything_said(database) == EXPIRY


async def test_a_connection_that_is_seen_late_gets_only_the_latest_stage(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    clock.advance(YEAR - 5 * DAY)

    await watch_consents(database, clock)
    await watch_consents(database, clock)

    async with database.acquire() as tx:
        assert [(event, data["stage"]) for event, data in await said(tx)] == [("connection.expiring", 7)]


async def test_a_clock_that_steps_back_and_forth_repeats_nothing(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    for days_left in (30, 31, 30, 13, 29, 14, 13, 0, 1, 0):
        clock.advance(NOON + YEAR - days_left * DAY - clock.now())
        await watch_consents(database, clock)

    assert await everything_said(database) == ["connection.expiring", "connection.expiring", *EXPIRY]


async def test_what_one_day_brought_is_told_over_the_day(database: Database, clock: FrozenClock) -> None:
    hours = [timedelta(hours=hour) for hour in range(24)]
    async with database.transaction() as tx:
        for hour in hours:
            organisation = Organisation(f"org-{hour}", "One of many")
            await stored(tx, a_connection(organisation=organisation, consent_expires_at=NOON + YEAR + hour))
    clock.advance(YEAR - 30 * DAY)
    told = []
    for _ in hours:
        await watch_consents(database, clock)
        told.append((await everything_said(database)).count("connection.expiring"))
        clock.advance(timedelta(hours=1))

    assert told == list(range(1, 25))


async def test_a_connection_that_was_slept_through_is_expired_and_not_warned_of(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    clock.advance(2 * YEAR)

    await watch_consents(database, clock)
    await watch_consents(database, clock)

    assert await everything_said(database) == EXPIRY


async def test_an_expiry_opens_one_case_in_the_same_transaction(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    clock.advance(YEAR)
    await watch_consents(database, clock)

    async with database.transaction() as tx:
        case = await cases.find_open(tx, BUSINESS, connection.id)
        events = dict(await said(tx))
        expired = await connections.get(tx, BUSINESS, connection.id)
    assert case is not None
    assert (case.generation, case.reason, case.stage) == (1, "consent_lapsed", "opened")
    assert events["reconnect.requested"]["reconnect_id"] == case.id
    assert events["connection.expired"]["detected_by"] == "clock"
    assert events["connection.state"]["lifecycle"] == "expired"
    assert (expired.lifecycle, expired.ended_at) == (Lifecycle.EXPIRED, NOON + YEAR)


async def test_a_batch_that_is_full_asks_to_be_followed_by_another(database: Database, clock: FrozenClock) -> None:
    async with database.transaction() as tx:
        for number in range(51):
            await stored(tx, a_connection(organisation=Organisation(f"org-{number}", "One of many")))
    clock.advance(YEAR)

    assert await watch_consents(database, clock)
    assert not await watch_consents(database, clock)
    assert (await everything_said(database)).count("connection.expired") == 51


async def test_nobody_is_told_anything_before_the_first_stage(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    clock.advance(YEAR - 31 * DAY)

    assert not await watch_consents(database, clock)
    assert await everything_said(database) == []


async def test_reminders_come_after_three_and_seven_days_once_over_two_replicas(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    clock.advance(YEAR)
    await watch_consents(database, clock)
    for _ in range(10):
        clock.advance(DAY)
        await asyncio.gather(*(remind(database, clock) for _ in range(2)))

    async with database.acquire() as tx:
        stages = [data["stage"] for event, data in await said(tx) if event == "reconnect.requested"]
        lines = await history.of_connection(tx, connection, before=2**62, limit=9)
    assert stages == ["opened", "reminder_3_days", "reminder_7_days"]
    assert [line.what for line in lines] == ["reminded", "reminded", "expired"]
