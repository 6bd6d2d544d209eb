"""Every handler, on a real transaction; each event comes twice."""

from typing import Any

import pytest
from build_publish_svc import World, a_connection, a_queued_item, known

from chassis.consume import Handler, NotYetKnown
from chassis.database import Tx
from chassis.testing import twice
from publish_svc.domain.connections import Gate
from publish_svc.domain.items import HoldReason
from publish_svc.handlers import HANDLERS
from publish_svc.handlers.on_connection import on_connection
from publish_svc.handlers.on_provider_state import on_provider_state
from publish_svc.handlers.on_sync_completed import on_sync_completed
from publish_svc.store import connections
from relink_contracts.events import (
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionReconnected,
    ConnectionSettingsChanged,
    ConnectionState,
    ProviderState,
    SyncCompleted,
)
from relink_contracts.events.connection import ConnectionSettings
from relink_contracts.testing import received, received_tombstone
from relink_contracts.topics import load

TABLES = ("connections", "items", "item_changes", "releases", "providers", "outbox")


async def all_of_it(tx: Tx) -> dict[str, list[dict[str, Any]]]:
    return {table: [dict(row) for row in await tx.fetch(f"SELECT * FROM {table} ORDER BY 1")] for table in TABLES}


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.event.__name__)
async def test_an_event_that_comes_again_changes_nothing(world: World, handler: Handler) -> None:
    connection = await world.store(a_connection(sequence=1).close(HoldReason.CONNECTION_EXPIRED), a_queued_item())
    about = {"connection_id": connection.id} if "connection_id" in handler.event.model_fields else {}
    changes = about | ({"generation": 2} if "generation" in handler.event.model_fields else {})
    event = received(handler.event, sequence=5, **changes)

    async with world.database.transaction() as tx:
        await handler.deliver(event, tx, "publish-svc")
        once = await all_of_it(tx)
        await twice(handler, event, tx)
        assert await all_of_it(tx) == once


def test_we_hear_what_the_contract_says_and_nothing_that_it_does_not() -> None:
    promised = {type_ for topic in load() for type_, hearers in topic.types.items() if "publish-svc" in hearers}
    heard = {handler.event.TYPE for handler in HANDLERS}

    assert heard <= promised
    assert {type_ for type_ in promised - heard if type_.startswith(("relink.connection.", "relink.sync."))} == set()


async def test_an_unknown_connection_is_remembered_from_its_first_record(tx: Tx) -> None:
    await on_connection(received(ConnectionEstablished, connection_id="con_new", lifecycle="active", generation=1), tx)

    assert (await known(tx, "con_new")).gate is Gate.OPEN


async def test_the_state_record_brings_all_that_we_need_to_know(tx: Tx) -> None:
    settings = ConnectionSettings(
        warn_new_supplier=False,
        always_ask_organisation=True,
        auto_publish=False,
        default_destination="awaiting_payment",
    )
    event = received(ConnectionState, connection_id="con_new", lifecycle="active", provider="xero", settings=settings)

    await on_connection(event, tx)

    connection = await known(tx, "con_new")
    assert (connection.provider, connection.settings.destination) == ("xero", "awaiting_payment")


async def test_an_older_record_does_not_undo_a_newer_one(tx: Tx) -> None:
    await on_connection(received(ConnectionExpired, 7, connection_id="con_1", lifecycle="expired", generation=1), tx)
    await on_connection(received(ConnectionEstablished, 3, connection_id="con_1", lifecycle="active", generation=1), tx)

    assert (await known(tx, "con_1")).gate is Gate.CLOSED


async def test_what_an_event_does_not_say_stays_as_it_was_known(tx: Tx) -> None:
    settings = ConnectionSettings(
        warn_new_supplier=False, always_ask_organisation=True, auto_publish=False, default_destination="draft"
    )
    changed = received(ConnectionSettingsChanged, 1, connection_id="con_1", lifecycle="active", settings=settings)
    await on_connection(changed, tx)
    await on_connection(received(ConnectionReconnected, 2, connection_id="con_1", lifecycle="active"), tx)

    assert (await known(tx, "con_1")).settings.destination == "draft"


async def test_a_state_that_is_taken_back_leaves_the_picture(tx: Tx) -> None:
    await on_connection(received(ConnectionState, 1, connection_id="con_1", lifecycle="active"), tx)
    await on_connection(received_tombstone(ConnectionState, "con_1", 2), tx)

    assert (await known(tx, "con_1")).sequence == 1


async def test_lists_of_a_connection_nobody_told_us_about_are_asked_for_again(tx: Tx) -> None:
    with pytest.raises(NotYetKnown):
        await on_sync_completed(received(SyncCompleted, connection_id="con_unknown"), tx)


async def test_a_provider_that_struggles_holds_its_items_and_no_others(world: World) -> None:
    ours, [held] = await world.lane(1, provider="xero")
    _, [other] = await world.lane(1, provider="quickbooks")
    async with world.database.transaction() as tx:
        await on_provider_state(received(ProviderState, 1, provider="xero", health="degraded", symptom="timeouts"), tx)

    await world.run()

    assert ((await world.item(held)).status, (await world.item(held)).reason) == ("held", "provider_degraded")
    assert (await world.item(other)).status == "published"

    async with world.database.transaction() as tx:
        await on_provider_state(received(ProviderState, 2, provider="xero", health="ok", symptom=None), tx)
    await world.run()
    assert (await world.item(held)).status == "published"
    assert (await world.connection(ours.id)).gate is Gate.OPEN


async def test_while_a_provider_is_said_to_struggle_we_still_try_now_and_then(world: World) -> None:
    _, [held] = await world.lane(1)
    async with world.database.transaction() as tx:
        await on_provider_state(received(ProviderState, 1, provider="xero", health="degraded", symptom="timeouts"), tx)
    await world.run()

    world.pass_time(world.patience.probe_after)
    await world.run()

    assert (await world.item(held)).status == "published"


async def test_old_news_of_a_provider_changes_nothing(world: World) -> None:
    connection, _ = await world.lane(1)
    async with world.database.transaction() as tx:
        await on_provider_state(received(ProviderState, 5, provider="xero", health="ok", symptom=None), tx)
        await on_provider_state(received(ProviderState, 4, provider="xero", health="degraded", symptom="late"), tx)
        found = await connections.get(tx, connection.id)

    assert found is not None
    assert found.gate is Gate.OPEN
