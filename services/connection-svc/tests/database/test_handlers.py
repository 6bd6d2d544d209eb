"""A failure elsewhere has the connection looked into, and nothing more: it is the provider who knows."""

import asyncio
from datetime import timedelta

import pytest
from build_connection_svc import (
    BUSINESS,
    NOON,
    FakeProvider,
    a_connection,
    an_expired_connection,
    some_tokens,
    stored,
    types_said,
)

from chassis.consume import Handler, NotYetKnown, reacts
from chassis.database import Database, Tx
from chassis.testing import FrozenClock, twice
from connection_svc.domain.connection import Lifecycle
from connection_svc.handlers import HANDLERS
from connection_svc.handlers.on_item_publish_failed import on_item_publish_failed
from connection_svc.handlers.on_sync_failed import on_sync_failed
from connection_svc.store import connections
from connection_svc.work.check_reported import check_reported
from connection_svc.work.token_keeper import TokenKeeper
from providers.errors import ProviderUnavailable
from relink_contracts.envelope import EventData, Received
from relink_contracts.events import ItemOutcomeUncertain, ItemPublishFailed, Membership, SyncFailed
from relink_contracts.testing import a, received

LATER = NOON + timedelta(minutes=10)
PUBLISHING = reacts(ItemPublishFailed, on_item_publish_failed)
SYNCING = reacts(SyncFailed, on_sync_failed)

BLAMING = [
    (PUBLISHING, a(ItemPublishFailed, class_="connection", code="token_rejected")),
    (SYNCING, a(SyncFailed, blames="connection")),
]


def heard(event: EventData, connection_id: str) -> Received[EventData]:
    return received(event.model_copy(update={"connection_id": connection_id}), at=LATER)


async def checks_due(tx: Tx) -> list[str]:
    return [row["reported_by"] for row in await tx.fetch("SELECT reported_by FROM connection_checks")]


def test_the_service_hears_what_its_folder_says() -> None:
    assert {handler.event for handler in HANDLERS} == {Membership, ItemOutcomeUncertain, ItemPublishFailed, SyncFailed}


@pytest.mark.parametrize(("handler", "event"), BLAMING)
async def test_a_blamed_connection_is_due_for_one_check_though_the_event_comes_twice(
    handler: Handler, event: EventData, tx: Tx
) -> None:
    connection = await stored(tx, a_connection(), some_tokens())

    await twice(handler, heard(event, connection.id), tx)

    assert len(await checks_due(tx)) == 1
    assert await types_said(tx) == [], "the report alone changes nothing"


@pytest.mark.parametrize(
    ("handler", "event"),
    [
        (PUBLISHING, a(ItemPublishFailed, class_="validation")),
        (PUBLISHING, a(ItemPublishFailed, class_="outage")),
        (SYNCING, a(SyncFailed, blames="provider")),
        (SYNCING, a(SyncFailed, blames="us")),
    ],
)
async def test_a_failure_that_blames_somebody_else_is_no_business_of_ours(
    handler: Handler, event: EventData, tx: Tx
) -> None:
    connection = await stored(tx, a_connection(), some_tokens())

    await twice(handler, heard(event, connection.id), tx)

    assert await checks_due(tx) == []


@pytest.mark.parametrize(("handler", "event"), BLAMING)
async def test_a_connection_that_is_known_not_to_work_needs_no_check(
    handler: Handler, event: EventData, tx: Tx
) -> None:
    connection = await stored(tx, an_expired_connection(), some_tokens())

    await twice(handler, heard(event, connection.id), tx)

    assert await checks_due(tx) == []


@pytest.mark.parametrize(("handler", "event"), BLAMING)
async def test_a_connection_that_nobody_here_knows_is_asked_for_again(
    handler: Handler, event: EventData, tx: Tx
) -> None:
    with pytest.raises(NotYetKnown):
        await handler.deliver(heard(event, "con_unknown"), tx, "test")


async def reported(database: Database) -> str:
    async with database.transaction() as tx:
        connection = await stored(tx, a_connection(), some_tokens())
        for number in range(3):
            event = heard(BLAMING[0][1], connection.id)
            await PUBLISHING.deliver(event, tx, f"test-{number}")
    return connection.id


async def test_a_healthy_connection_survives_any_number_of_mistaken_reports_at_the_price_of_one_refresh(
    database: Database, keeper: TokenKeeper, clock: FrozenClock, xero: FakeProvider
) -> None:
    connection_id = await reported(database)
    clock.advance(LATER - NOON)

    assert await check_reported(database, keeper, clock)
    assert not await check_reported(database, keeper, clock), "it is done"

    async with database.acquire() as tx:
        connection = await connections.get(tx, BUSINESS, connection_id)
        assert connection.lifecycle is Lifecycle.ACTIVE
        assert await types_said(tx) == []
    assert xero.refreshed == ["refresh-1"]


async def test_a_dead_grant_is_found_out_once_and_opens_one_case_however_many_failures_blame_it(
    database: Database, keeper: TokenKeeper, clock: FrozenClock, xero: FakeProvider
) -> None:
    connection_id = await reported(database)
    clock.advance(LATER - NOON)
    xero.living = "revoked at the provider"
    for more in range(2):
        while any(await asyncio.gather(*(check_reported(database, keeper, clock) for _ in range(2)))):
            pass
        async with database.transaction() as tx:
            for handler, event in BLAMING:
                await handler.deliver(heard(event, connection_id), tx, f"more-{more}")

    async with database.acquire() as tx:
        assert await types_said(tx) == ["connection.expired", "reconnect.requested", "connection.state"]
        assert await tx.fetchval("SELECT count(*) FROM reconnect_cases") == 1


async def test_a_check_that_got_no_answer_comes_again(
    database: Database, keeper: TokenKeeper, clock: FrozenClock, xero: FakeProvider
) -> None:
    await reported(database)
    clock.advance(LATER - NOON)
    xero.errors = [ProviderUnavailable("timeout")]

    assert await check_reported(database, keeper, clock)
    assert not await check_reported(database, keeper, clock), "not at once"
    clock.advance(timedelta(minutes=1))
    assert await check_reported(database, keeper, clock)
