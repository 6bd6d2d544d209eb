"""Who is asked for when the clock says so."""

import asyncio
from datetime import timedelta

from build_sync_svc import NOON, TWO_DAYS, Worker

from chassis.database import Database
from relink_contracts.events import ConnectionEstablished, ConnectionExpired, ConnectionReconnected, ProviderState
from relink_contracts.testing import received
from sync_svc.store import schedules
from sync_svc.work.ask_due import ask_due

REQUESTED = "relink.sync.requested.v1"
DUE = NOON + TWO_DAYS


async def ask(worker: Worker, *, at: timedelta = TWO_DAYS) -> int:
    return await ask_due(worker.database, now=NOON + at, interval=TWO_DAYS)


async def test_a_connection_is_asked_for_when_its_turn_comes_and_once(worker: Worker) -> None:
    await worker.synced()
    assert await ask(worker, at=timedelta(0)) == 0
    assert await ask(worker) == 1
    assert await ask(worker) == 0
    assert [one["trigger"] for one in await worker.said(REQUESTED)] == ["schedule"]


async def test_a_year_that_passes_at_once_asks_once(worker: Worker) -> None:
    await worker.synced()
    assert await ask(worker, at=timedelta(days=365)) == 1
    assert await ask(worker, at=timedelta(days=365)) == 0


async def test_a_connection_whose_run_is_open_is_not_asked_for_until_the_run_is_given_up(worker: Worker) -> None:
    await worker.synced()
    await ask(worker)
    async with worker.database.transaction() as tx:
        await tx.execute("UPDATE schedules SET due_at = $1", NOON)
    assert await ask(worker, at=TWO_DAYS + timedelta(minutes=59)) == 0
    assert await ask(worker, at=TWO_DAYS + timedelta(hours=1)) == 1


async def test_a_connection_that_does_not_work_is_left_alone_until_it_does(worker: Worker) -> None:
    await worker.synced()
    await worker.hears(received(ConnectionExpired, sequence=2))
    assert await ask(worker, at=timedelta(days=9)) == 0
    await worker.hears(received(ConnectionReconnected, sequence=3))
    assert [one["trigger"] for one in await worker.said(REQUESTED)] == ["reconnected"]


async def test_a_provider_that_struggles_is_left_alone_and_its_connections_stay_due(worker: Worker) -> None:
    await worker.synced()
    await worker.hears(received(ProviderState, sequence=1, health="degraded"))
    assert await ask(worker) == 0
    await worker.hears(received(ProviderState, sequence=2, health="ok"))
    assert await ask(worker) == 1


async def test_two_workers_never_claim_the_same_connection(worker: Worker, database: Database) -> None:
    everybody = [f"con_{number}" for number in range(6)]
    for connection_id in everybody:
        await worker.hears(received(ConnectionEstablished, connection_id=connection_id))
    async with database.transaction() as tx:
        await tx.execute("UPDATE schedules SET open_sync_id = NULL")

    async with database.transaction() as first, database.transaction() as second:
        mine = await schedules.claim_due(first, now=DUE, limit=4)
        theirs = await asyncio.wait_for(schedules.claim_due(second, now=DUE, limit=4), 2)

    claimed = [schedule.connection_id for schedule, _ in [*mine, *theirs]]
    assert (len(mine), len(theirs)) == (4, 2)
    assert sorted(claimed) == everybody
