"""Each handler gets each event twice, as Kafka may deliver it."""

import json
from dataclasses import replace

from build_list_svc import a_draft, a_rule

from chassis.database import Tx
from chassis.testing import twice
from list_svc.domain.lists import Completeness, Entry, ListKey
from list_svc.domain.paging import Page
from list_svc.domain.rules import State, pause
from list_svc.handlers import HANDLERS
from list_svc.handlers.on_list_entries import on_list_entries
from list_svc.store import connections, entries, rules
from relink_contracts.envelope import EventData, Received
from relink_contracts.events import (
    ConnectionChanged,
    ConnectionDisconnected,
    ConnectionEstablished,
    ConnectionState,
    ListEntry,
    SyncCompleted,
    SyncedList,
)
from relink_contracts.testing import received, received_tombstone

THE_ACCOUNT = "con_1/accounts/429"


async def hear(tx: Tx, *events: Received[EventData]) -> None:
    for event in events:
        for handler in (each for each in HANDLERS if event.type == each.event.TYPE):
            await twice(handler, event, tx, consumer="list-svc")


async def accounts(tx: Tx) -> list[Entry]:
    return await entries.search(tx, ListKey("biz_demo", "con_1", "accounts"), "", Page(("", ""), 10))


def synced(version: int, *, added: int = 0, updated: int = 0, removed: int = 0, total: int) -> dict[str, SyncedList]:
    return {
        "accounts": SyncedList(
            added=added,
            updated=updated,
            removed=removed,
            total=total,
            list_version=version,
            records_written=added + updated + removed,
        )
    }


async def completeness(tx: Tx) -> Completeness:
    (picture,) = await entries.lists(tx, "con_1", "biz_demo")
    return picture.completeness


async def test_a_connection_is_known_from_whichever_record_comes_first(tx: Tx) -> None:
    await hear(tx, received(ConnectionEstablished, 2), received(ConnectionState, 1, connection_id="con_2"))

    assert await connections.exists(tx, "con_1", "biz_demo")
    assert await connections.exists(tx, "con_2", "biz_demo")


async def test_the_state_with_the_highest_sequence_wins_whatever_the_order(tx: Tx) -> None:
    await hear(
        tx,
        received(ConnectionDisconnected, 9, lifecycle="disconnected"),
        received(ConnectionChanged, 8, lifecycle="replaced"),
        received(ConnectionState, 3, lifecycle="active"),
    )

    assert await tx.fetchval("SELECT lifecycle FROM connections") == "disconnected"


async def test_a_connection_whose_tombstone_came_is_gone_and_an_older_state_does_not_bring_it_back(tx: Tx) -> None:
    await hear(
        tx,
        received(ConnectionState, 1),
        received_tombstone(ConnectionState, "con_1", 5),
        received(ConnectionState, 4),
    )

    assert not await connections.exists(tx, "con_1", "biz_demo")


async def test_an_entry_is_kept_as_it_was_last_said(tx: Tx) -> None:
    await hear(tx, received(ListEntry, 1, name="Old name"), received(ListEntry, 2, name="New name", active=False))

    (entry,) = await accounts(tx)
    assert (entry.name, entry.active) == ("New name", False)


async def test_an_entry_older_than_the_last_one_seen_changes_nothing(tx: Tx) -> None:
    await hear(tx, received(ListEntry, 2, name="New name"), received(ListEntry, 1, name="Old name"))

    assert [entry.name for entry in await accounts(tx)] == ["New name"]


async def test_an_entry_that_left_the_provider_is_gone_until_it_is_said_again(tx: Tx) -> None:
    await hear(tx, received(ListEntry, 1), received_tombstone(ListEntry, THE_ACCOUNT, 2), received(ListEntry, 1))
    assert await accounts(tx) == []

    await hear(tx, received(ListEntry, 3))
    assert len(await accounts(tx)) == 1


async def test_entries_of_one_poll_end_as_if_they_had_come_one_by_one(tx: Tx) -> None:
    gone, back = (f"con_1/accounts/{code}" for code in ("404", "400"))
    poll = [
        received(ListEntry, 1, name="Old name"),
        received(ListEntry, 2, name="New name"),
        received(ListEntry, 1, external_id="404"),
        received_tombstone(ListEntry, gone, 2),
        received_tombstone(ListEntry, back, 2),
        received(ListEntry, 3, external_id="400", name="Back again"),
    ]

    await on_list_entries(poll, tx)
    await on_list_entries(poll, tx)

    assert [(entry.key.external_id, entry.name) for entry in await accounts(tx)] == [
        ("400", "Back again"),
        ("429", "New name"),
    ]


async def test_a_tombstone_before_its_entry_holds(tx: Tx) -> None:
    await hear(tx, received_tombstone(ListEntry, THE_ACCOUNT, 2), received(ListEntry, 1))

    assert await accounts(tx) == []


async def test_a_list_is_complete_when_its_records_were_here_before_the_end_of_the_run(tx: Tx) -> None:
    await hear(tx, received(ListEntry, 1), received(SyncCompleted, 2, lists=synced(1, added=1, total=1)))

    assert await completeness(tx) is Completeness.COMPLETE


async def test_a_list_is_arriving_until_the_last_record_of_the_run_is_here(tx: Tx) -> None:
    await hear(tx, received(SyncCompleted, 2, lists=synced(1, added=2, total=2)), received(ListEntry, 1))
    assert await completeness(tx) is Completeness.ARRIVING

    await hear(tx, received(ListEntry, 1, external_id="430"))
    assert await completeness(tx) is Completeness.COMPLETE


async def test_a_run_that_only_removed_is_complete_once_the_tombstone_is_here(tx: Tx) -> None:
    await hear(
        tx,
        received(ListEntry, 1, list_version=1),
        received(ListEntry, 1, list_version=1, external_id="430"),
        received(SyncCompleted, 2, lists=synced(2, removed=1, total=1)),
    )
    assert await completeness(tx) is Completeness.ARRIVING

    await hear(tx, received_tombstone(ListEntry, THE_ACCOUNT, 2))
    assert await completeness(tx) is Completeness.COMPLETE


async def test_the_rules_of_a_replaced_connection_pause_once_and_are_said_and_no_others(tx: Tx) -> None:
    written = {
        "rul_1": a_rule("rul_1"),
        "rul_2": a_rule("rul_2", draft=replace(a_draft("Northern Paper Ltd"), state=State.PAUSED)),
        "rul_3": a_rule("rul_3", draft=a_draft(connection_id="con_2")),
        "rul_4": a_rule("rul_4", business_id="biz_other"),
    }
    for rule in written.values():
        await rules.insert(tx, rule)

    changed = received(ConnectionChanged, 8, lifecycle="replaced", new_connection_id="con_2")
    await hear(tx, changed)

    kept = {rule_id: await rules.get(tx, rule_id, rule.business_id) for rule_id, rule in written.items()}
    assert changed.data is not None
    paused = pause(written["rul_1"], by=changed.data.actor.id, at=changed.received_at)
    assert kept == written | {"rul_1": paused}
    assert paused.draft.state is State.PAUSED
    [said] = await tx.fetch("SELECT aggregateid, payload FROM outbox")
    assert (said["aggregateid"], json.loads(said["payload"])["state"]) == ("rul_1", "paused")


async def test_each_type_feeds_one_picture() -> None:
    types = [handler.event.TYPE for handler in HANDLERS if not handler.once]

    assert len(types) == len(set(types)) == 6
