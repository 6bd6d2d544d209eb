"""What each event does to our picture and our schedule, each delivered twice."""

from typing import Any

import pytest
from build_sync_svc import NOON, TWO_DAYS, Worker, a_run, said

from chassis.database import Tx
from chassis.testing import twice
from relink_contracts.events import (
    ConnectionChanged,
    ConnectionDisconnected,
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionReconnected,
    ConnectionState,
    ProviderState,
    SyncRequested,
)
from relink_contracts.testing import received, received_tombstone
from sync_svc.domain.connections import Lifecycle
from sync_svc.handlers import handlers
from sync_svc.store import connections, runs, schedules

REQUESTED = "relink.sync.requested.v1"


async def deliver(tx: Tx, event: Any) -> None:
    for handler in (one for one in handlers(interval=TWO_DAYS) if event.type == one.event.TYPE):
        await twice(handler, event, tx)


async def lifecycle(tx: Tx) -> Lifecycle | None:
    connection = await connections.get(tx, "biz_demo", "con_1")
    return connection.lifecycle if connection else None


async def test_lists_of_a_new_connection_are_asked_for_once(tx: Tx) -> None:
    await deliver(tx, received(ConnectionEstablished))
    [request] = await said(tx, REQUESTED)
    assert (request["trigger"], request["generation"], request["lists"]) == ("established", 1, [])
    schedule = await schedules.get(tx, "biz_demo", "con_1")
    assert schedule is not None
    assert schedule.open_sync_id == request["sync_id"]


@pytest.mark.parametrize("first", [0, 1], ids=["event", "state"])
async def test_event_and_state_of_one_change_ask_once_whichever_comes_first(tx: Tx, first: int) -> None:
    both = [received(ConnectionEstablished, sequence=1), received(ConnectionState, sequence=2)]
    await deliver(tx, both[first])
    await deliver(tx, both[1 - first])
    assert len(await said(tx, REQUESTED)) == 1


async def test_lists_are_read_again_after_a_reconnect(tx: Tx) -> None:
    await deliver(tx, received(ConnectionEstablished, sequence=1))
    await deliver(tx, received(ConnectionExpired, sequence=2))
    await deliver(tx, received(ConnectionReconnected, sequence=3))
    assert [one["trigger"] for one in await said(tx, REQUESTED)] == ["established", "reconnected"]


async def test_a_reconnect_whose_event_was_lost_heals_with_the_state(tx: Tx) -> None:
    await deliver(tx, received(ConnectionExpired, sequence=2))
    await deliver(tx, received(ConnectionState, sequence=4, generation=2))
    assert [one["trigger"] for one in await said(tx, REQUESTED)] == ["reconnected"]


async def test_a_connection_that_replaces_another_is_a_change(tx: Tx) -> None:
    await deliver(tx, received(ConnectionEstablished, replaces_connection_id="con_0"))
    assert [one["trigger"] for one in await said(tx, REQUESTED)] == ["changed"]


@pytest.mark.parametrize(
    ("event", "changes", "after"),
    [
        (ConnectionExpired, {}, Lifecycle.EXPIRED),
        (ConnectionChanged, {"lifecycle": "replaced"}, Lifecycle.REPLACED),
        (ConnectionDisconnected, {"lifecycle": "disconnected"}, Lifecycle.DISCONNECTED),
        (ConnectionState, {"lifecycle": "revoked"}, Lifecycle.REVOKED),
        (ConnectionState, {"lifecycle": "pending", "generation": 0}, Lifecycle.PENDING),
    ],
)
async def test_a_connection_that_does_not_work_is_remembered_and_not_asked_for(
    tx: Tx, event: Any, changes: dict[str, Any], after: Lifecycle
) -> None:
    await deliver(tx, received(event, **changes))
    assert await lifecycle(tx) is after
    assert await said(tx, REQUESTED) == []


async def test_an_event_older_than_the_last_one_seen_changes_nothing(tx: Tx) -> None:
    await deliver(tx, received(ConnectionExpired, sequence=7))
    await deliver(tx, received(ConnectionEstablished, sequence=6))
    assert await lifecycle(tx) is Lifecycle.EXPIRED
    assert await said(tx, REQUESTED) == []


async def test_a_connection_that_is_gone_stays_gone_for_late_records(tx: Tx) -> None:
    await deliver(tx, received(ConnectionEstablished, sequence=1))
    await deliver(tx, received_tombstone(ConnectionState, "con_1", sequence=9))
    await deliver(tx, received(ConnectionState, sequence=8, generation=2))
    assert await lifecycle(tx) is Lifecycle.DISCONNECTED


async def test_a_request_becomes_one_run(tx: Tx) -> None:
    await deliver(tx, received(SyncRequested, lists=("accounts",)))
    run = await runs.get(tx, "biz_demo", "syn_1")
    assert run is not None
    assert (run.connection_id, run.trigger, run.lists) == ("con_1", "schedule", ("accounts",))


async def test_a_request_heard_late_does_not_begin_its_run_anew(tx: Tx) -> None:
    await runs.add_unless_known(tx, a_run())
    begun = await runs.save(tx, a_run().begin(look_after_at=NOON))
    await deliver(tx, received(SyncRequested))
    assert await runs.get(tx, "biz_demo", "syn_1") == begun


async def test_the_newest_word_about_a_provider_counts(tx: Tx) -> None:
    await deliver(tx, received(ProviderState, sequence=2, health="degraded"))
    await deliver(tx, received(ProviderState, sequence=1, health="ok"))
    assert await tx.fetchval("SELECT health FROM providers WHERE name = 'xero'") == "degraded"


async def test_our_picture_is_of_one_business(worker: Worker) -> None:
    await worker.hears(received(ConnectionEstablished))
    async with worker.database.acquire() as tx:
        assert await connections.get(tx, "biz_other", "con_1") is None
        assert await schedules.get(tx, "biz_other", "con_1") is None
