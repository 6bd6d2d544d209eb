"""Our access is given back to the provider when a connection ends, later if the provider does not answer then."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from build_connection_svc import (
    BUSINESS,
    DEMO,
    VAULT,
    FakeProvider,
    a_connection,
    an_expired_connection,
    said,
    some_tokens,
    stored,
)
from prometheus_client import REGISTRY

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.domain.access_return import Outcome
from connection_svc.domain.connection import Connection, Lifecycle
from connection_svc.store import access_returns, grants
from connection_svc.store.sealing import Vault
from connection_svc.work.give_back import AccessReturner, return_access
from providers.errors import GrantRefused, ProviderUnavailable
from providers.interface import Revocation

DAY = timedelta(days=1)
AWAY = ProviderUnavailable("timeout")


@pytest.fixture
async def connection(database: Database) -> Connection:
    async with database.transaction() as tx:
        return await stored(tx, a_connection(), some_tokens())


@pytest.fixture
def returner(database: Database, xero: FakeProvider, clock: FrozenClock) -> AccessReturner:
    return AccessReturner(database, VAULT, {"xero": xero}, clock)


async def left(call, connection: Connection) -> dict:
    answer = await call("POST", f"/api/v1/connections/{connection.id}/disconnect", {"keep_lists": True})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def history_of(call, connection: Connection) -> list[str]:
    lines = (await call("GET", f"/api/v1/connections/{connection.id}/history")).json()["items"]
    return [line["what"] for line in lines]


async def has_tokens(database: Database, connection: Connection) -> bool:
    async with database.acquire() as tx:
        return await grants.find(tx, VAULT, BUSINESS, connection.id) is not None


async def test_a_provider_that_does_not_answer_is_asked_again_in_the_background(
    *, call, connection: Connection, database: Database, xero: FakeProvider, returner, clock: FrozenClock
) -> None:
    xero.errors = [AWAY, AWAY]
    answer = await left(call, connection)
    explained = (await call("GET", f"/api/v1/connections/{connection.id}/explain")).json()
    assert (answer["lifecycle"], answer["revoked_at_provider"], answer["access"]) == ("disconnected", False, "not_yet")
    assert explained["next"].endswith("Xero has not confirmed yet that our access is gone; we keep asking.")

    assert await return_access(database, returner, clock), "tried at once, in vain"
    assert not await return_access(database, returner, clock), "and then only after a pause"
    clock.advance(timedelta(minutes=1))
    assert await return_access(database, returner, clock)

    assert xero.revoked == ["refresh-1"]
    assert not await has_tokens(database, connection)
    assert await history_of(call, connection) == ["access_given_back", "disconnected"]
    explained = (await call("GET", f"/api/v1/connections/{connection.id}/explain")).json()
    assert explained["next"] == "Connect again to publish."


async def test_an_access_token_that_has_run_out_is_renewed_to_give_it_back(
    *, call, connection: Connection, xero: FakeProvider, clock: FrozenClock
) -> None:
    clock.advance(DAY)
    answer = await left(call, connection)

    assert answer["revoked_at_provider"] is True
    assert (xero.refreshed, xero.revoked) == (["refresh-1"], ["refresh-2"])


async def test_access_that_is_dead_already_counts_as_given_back(
    *, call, connection: Connection, xero: FakeProvider, clock: FrozenClock
) -> None:
    clock.advance(DAY)
    xero.errors = [GrantRefused("grant_revoked")]

    assert (await left(call, connection))["access"] == "given_back"


async def test_damaged_tokens_cannot_be_given_back_and_alarm(
    *, call, connection: Connection, database: Database, xero: FakeProvider
) -> None:
    async with database.acquire() as tx:
        await tx.execute("UPDATE grants SET wrapped_key = 'damaged'")
    before = damage_seen()

    assert (await left(call, connection))["access"] == "not_possible"
    assert (xero.revoked, damage_seen()) == ([], before + 1)


def damage_seen() -> float:
    return REGISTRY.get_sample_value("undecipherable_secrets_total", {"table": "grants"}) or 0


async def test_tokens_whose_key_is_missing_from_the_ring_are_not_given_up(
    connection: Connection, database: Database, xero: FakeProvider, clock: FrozenClock
) -> None:
    ring_without = Vault({"k2": bytes(32)}, current="k2")
    returner = AccessReturner(database, ring_without, {"xero": xero}, clock)

    assert await returner.give_back(connection) is Outcome.NOT_YET


async def test_where_a_provider_takes_nothing_back_the_customer_is_told_and_nobody_is_asked(
    *, call, connection: Connection, database: Database, xero: FakeProvider, returner, clock: FrozenClock
) -> None:
    xero.facts = replace(xero.facts, revocation=Revocation.NOT_OFFERED)
    answer = await left(call, connection)

    assert (answer["revoked_at_provider"], answer["access"]) == (False, "not_possible")
    assert not await return_access(database, returner, clock)
    assert (xero.revoked, await has_tokens(database, connection)) == ([], False)


async def test_after_thirty_days_it_is_left_to_the_customer(
    *, call, connection: Connection, database: Database, xero: FakeProvider, returner, clock: FrozenClock
) -> None:
    xero.errors = [AWAY]
    await left(call, connection)
    clock.advance(30 * DAY)
    xero.errors = [AWAY]
    assert await return_access(database, returner, clock)
    clock.advance(DAY)

    assert not await return_access(database, returner, clock)
    assert not await has_tokens(database, connection)
    assert await history_of(call, connection) == ["access_not_given_back", "disconnected"]


async def test_an_organisation_that_was_connected_anew_keeps_its_access(
    *, call, connection: Connection, database: Database, xero: FakeProvider, returner, clock: FrozenClock
) -> None:
    xero.errors = [AWAY]
    await left(call, connection)
    async with database.transaction() as tx:
        await stored(tx, a_connection(), some_tokens(refresh_token="of-the-new-login"))
    await return_access(database, returner, clock)

    assert xero.revoked == []
    assert not await has_tokens(database, connection)


async def test_two_workers_ask_the_provider_once(
    *, call, connection: Connection, database: Database, xero: FakeProvider, returner, clock: FrozenClock
) -> None:
    xero.errors = [AWAY]
    await left(call, connection)
    xero.slow = 0.2
    await asyncio.gather(*(return_access(database, returner, clock) for _ in range(2)))

    assert xero.revoked == ["refresh-1"]


async def test_a_worker_that_dies_leaves_it_to_another(
    *, call, connection: Connection, database: Database, xero: FakeProvider, returner, clock: FrozenClock
) -> None:
    xero.errors = [AWAY]
    await left(call, connection)
    async with database.transaction() as tx:
        await access_returns.take(tx, now=clock.now(), again_after=timedelta(minutes=5))
    assert not await return_access(database, returner, clock)
    clock.advance(timedelta(minutes=5))

    assert await return_access(database, returner, clock)
    assert xero.revoked == ["refresh-1"]


async def test_nothing_is_left_to_give_back_of_a_connection_that_never_worked(call, database: Database) -> None:
    async with database.transaction() as tx:
        pending = await stored(tx, a_connection(lifecycle=Lifecycle.PENDING, generation=0, organisation=None))

    assert (await left(call, pending))["access"] == "given_back"


@pytest.mark.parametrize("keep_lists", [True, False])
async def test_the_event_tells_whether_lists_are_kept_and_access_given_back(
    *, keep_lists: bool, call, connection: Connection, database: Database
) -> None:
    await call("POST", f"/api/v1/connections/{connection.id}/disconnect", {"keep_lists": keep_lists})

    async with database.acquire() as tx:
        event = dict(await said(tx))["connection.disconnected"]
    assert (event["lists_kept"], event["revoked_at_provider"]) == (keep_lists, True)


async def test_a_replaced_connection_says_by_what(call, database: Database) -> None:
    async with database.transaction() as tx:
        new = await stored(tx, a_connection(organisation=replace(DEMO, id="org-new", name="New Ltd")))
        old = await stored(
            tx,
            an_expired_connection(
                lifecycle=Lifecycle.REPLACED, organisation=replace(DEMO, id="org-old"), replaced_by_connection_id=new.id
            ),
        )
    explained = (await call("GET", f"/api/v1/connections/{old.id}/explain")).json()

    assert explained == {"why": "New Ltd in Xero took the place of Demo Trading Ltd on 2 March 2027.", "next": None}
