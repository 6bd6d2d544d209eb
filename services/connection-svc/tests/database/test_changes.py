"""A connection gives way to one to other software or another organisation, and only once that one is confirmed."""

import asyncio
from datetime import timedelta

import pytest
from build_connection_svc import (
    BINDING_HASH,
    BUSINESS,
    DEMO,
    OTHER,
    VAULT,
    YEAR,
    FakeProvider,
    a_connection,
    said,
    some_tokens,
    stored,
    types_said,
)
from login_steps_connection_svc import PAGE, back, begun, begun_again, chosen, connection_in, kept_tokens, left, seen

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.api.parts import Parts
from connection_svc.domain.connection import Connection, Settings
from connection_svc.store import cases, grants
from connection_svc.work.end_attempts import end_attempts
from connection_svc.work.give_back import return_access
from providers.errors import ProviderUnavailable
from providers.models import Organisation

ANNAS = Settings(warn_new_supplier=True, auto_publish=True, default_destination="awaiting_payment")


@pytest.fixture
def quickbooks(parts: Parts) -> FakeProvider:
    provider = FakeProvider(name="quickbooks", granted=[Organisation("realm-1", "Demo Trading Inc")])
    parts.providers["quickbooks"] = provider
    return provider


@pytest.fixture
async def working(database: Database) -> Connection:
    async with database.transaction() as tx:
        return await stored(tx, a_connection(settings=ANNAS), some_tokens())


async def changing(call, connection: Connection, provider: str = "quickbooks") -> dict:
    return await begun(call, intent="change", connection_id=connection.id, provider=provider)


async def returned(call, browser, connection: Connection, provider: str = "quickbooks", **params: str) -> dict:
    """An attempt to change that has come back from the login."""
    attempt = await changing(call, connection, provider)
    params = {"state": await left(browser, attempt), **(params or {"code": "c9"})}
    await browser.get(f"/oauth/callback/{provider}", params=params)
    return attempt


async def is_as_it_was(database: Database, connection: Connection) -> bool:
    async with database.acquire() as tx:
        kept = await grants.find(tx, VAULT, BUSINESS, connection.id)
        count = await tx.fetchval("SELECT count(*) FROM connections")
    unchanged = await connection_in(database, connection.id) == connection
    return unchanged and kept is not None and kept.tokens == some_tokens() and count == 1


@pytest.mark.usefixtures("quickbooks")
async def test_a_change_to_other_software_from_login_to_confirmation(
    call, browser, database: Database, working: Connection
) -> None:
    attempt = await returned(call, browser, working)
    assert await is_as_it_was(database, working), "until the new one is confirmed"
    answer = (await chosen(call, attempt, "realm-1")).json()

    new, old = await connection_in(database, answer["connection_id"]), await connection_in(database, working.id)
    assert (new.lifecycle, new.provider, new.organisation.id) == ("active", "quickbooks", "realm-1")
    assert (new.generation, new.replaces_connection_id) == (1, working.id)
    assert (old.lifecycle, old.replaced_by_connection_id) == ("replaced", new.id)
    assert (await call("GET", f"/api/v1/connections/{old.id}")).json()["replaced_by_connection_id"] == new.id
    after = await seen(call, attempt)
    assert (after["state"], after["connection_id"], after["new_connection_id"]) == ("activated", old.id, new.id)


@pytest.mark.usefixtures("quickbooks")
async def test_a_change_is_said_of_both_connections(call, browser, database: Database, working: Connection) -> None:
    attempt = await returned(call, browser, working)
    new_id = (await chosen(call, attempt, "realm-1")).json()["connection_id"]

    async with database.acquire() as tx:
        events = await said(tx)
    assert [(event, data["connection_id"]) for event, data in events[1:]] == [
        ("connection.established", new_id),
        ("connection.state", new_id),
        ("connection.changed", working.id),
        ("connection.state", working.id),
    ]
    (started, established, _, changed, state) = [data for _, data in events]
    assert (started["intent"], established["replaces_connection_id"]) == ("change", working.id)
    assert (changed["new_connection_id"], changed["lifecycle"], state["lifecycle"]) == (new_id, "replaced", "replaced")
    assert (changed["from_provider"], changed["to_provider"], changed["lists_kept"]) == ("xero", "quickbooks", True)


@pytest.mark.usefixtures("quickbooks")
async def test_settings_move_along_and_history_stays(call, browser, database: Database, working: Connection) -> None:
    attempt = await returned(call, browser, working)
    new_id = (await chosen(call, attempt, "realm-1")).json()["connection_id"]

    assert (await connection_in(database, new_id)).settings == ANNAS
    whats = {
        one: [line["what"] for line in (await call("GET", f"/api/v1/connections/{one}/history")).json()["items"]]
        for one in (working.id, new_id)
    }
    assert whats == {working.id: ["changed", "login_allowed", "login_started"], new_id: ["connected"]}


@pytest.mark.usefixtures("quickbooks")
async def test_the_old_connections_access_is_given_back_once_the_new_one_works(
    *, call, browser, database: Database, working: Connection, parts: Parts, xero: FakeProvider, clock: FrozenClock
) -> None:
    attempt = await returned(call, browser, working)
    assert not await return_access(database, parts.access_returner, clock), "not before it is confirmed"
    await chosen(call, attempt, "realm-1")
    assert await return_access(database, parts.access_returner, clock)

    assert xero.revoked == ["refresh-1"]
    (line, *_) = (await call("GET", f"/api/v1/connections/{working.id}/history")).json()["items"]
    assert (line["what"], line["by"]) == ("access_given_back", "connection-svc")


async def test_a_change_to_another_organisation_of_the_same_software(
    call, browser, database: Database, working: Connection
) -> None:
    attempt = await returned(call, browser, working, "xero")
    offered = {one["id"]: (one["expected"], one["taken_by"]) for one in (await seen(call, attempt))["organisations"]}
    answer = (await chosen(call, attempt, OTHER.id)).json()

    assert offered == {DEMO.id: (False, "this_connection"), OTHER.id: (False, None)}
    assert (answer["organisation_id"], answer["replaces_connection_id"]) == (OTHER.id, working.id)


async def test_a_change_to_the_same_organisation_is_none(call, browser, database: Database, working) -> None:
    attempt = await returned(call, browser, working, "xero")
    refused = await chosen(call, attempt)

    assert (refused.status_code, refused.json()["code"]) == (409, "organisation_unchanged")
    assert await is_as_it_was(database, working)
    assert (await chosen(call, attempt, OTHER.id)).status_code == 200, "another may still be chosen"


async def test_a_change_never_takes_an_organisation_from_another_business(
    call, browser, database: Database, working: Connection, quickbooks: FakeProvider
) -> None:
    theirs = a_connection(business_id="biz_other", provider="quickbooks", organisation=quickbooks.granted[0])
    async with database.transaction() as tx:
        await stored(tx, theirs)
    attempt = await returned(call, browser, working)

    assert (await chosen(call, attempt, "realm-1")).json()["code"] == "organisation_taken"
    assert await connection_in(database, working.id) == working


@pytest.mark.parametrize("how", ["never left", "never returned", "denied", "provider away", "cancelled", "not chosen"])
async def test_a_change_that_is_abandoned_at_any_step_leaves_the_old_connection_as_it_was(
    *, how: str, call, browser, database: Database, working: Connection, quickbooks: FakeProvider, clock: FrozenClock
) -> None:
    if how == "provider away":
        quickbooks.errors = [ProviderUnavailable("server_error")]
    if how == "never left":
        attempt = await changing(call, working)
    elif how == "never returned":
        await left(browser, attempt := await changing(call, working))
    elif how == "denied":
        attempt = await returned(call, browser, working, error="access_denied")
    else:
        attempt = await returned(call, browser, working)
    if how == "cancelled":
        await call("POST", f"/api/v1/connection-attempts/{attempt['attempt_id']}/cancel")
    clock.advance(timedelta(minutes=31))
    await end_attempts(database, clock)

    ended = {"denied": "failed", "provider away": "failed", "cancelled": "cancelled"}
    assert (await seen(call, attempt))["state"] == ended.get(how, "timed_out")
    assert await is_as_it_was(database, working)
    assert await kept_tokens(database) == 0
    async with database.acquire() as tx:
        assert "connection.changed" not in await types_said(tx)


async def test_the_login_of_another_organisation_can_be_switched_to(
    call, browser, database: Database, expired: Connection, clock: FrozenClock
) -> None:
    clock.advance(YEAR + timedelta(hours=2))
    attempt = await begun_again(call, expired)
    await back(browser, state=await left(browser, attempt), code="c2")
    assert (await chosen(call, attempt, OTHER.id)).json()["code"] == "organisation_mismatch"
    assert await connection_in(database, expired.id) == expired, "nothing was activated"
    url = f"/api/v1/connection-attempts/{attempt['attempt_id']}/organisation"
    answer = (await call("POST", url, {"organisation_id": OTHER.id, "switch": True})).json()

    assert (answer["organisation_id"], answer["replaces_connection_id"]) == (OTHER.id, expired.id)
    async with database.transaction() as tx:
        events = dict(await said(tx))
        assert await cases.find_open(tx, BUSINESS, expired.id) is None
    assert events["connection.changed"]["new_connection_id"] == answer["connection_id"]
    assert (events["reconnect.completed"]["outcome"], events["reconnect.completed"]["seconds_open"]) == (
        "changed",
        7200,
    )
    assert (await seen(call, attempt))["intent"] == "change"


async def test_to_switch_to_the_expected_organisation_is_a_reconnect(
    call, browser, database: Database, expired: Connection
) -> None:
    attempt = await begun_again(call, expired)
    await back(browser, state=await left(browser, attempt), code="c2")
    url = f"/api/v1/connection-attempts/{attempt['attempt_id']}/organisation"
    answer = (await call("POST", url, {"organisation_id": DEMO.id, "switch": True})).json()

    assert (answer["connection_id"], answer["lifecycle"], answer["generation"]) == (expired.id, "active", 2)


@pytest.mark.usefixtures("quickbooks")
async def test_two_who_confirm_a_change_at_once_make_one(
    call, browser, database: Database, working: Connection
) -> None:
    attempt = await returned(call, browser, working)
    answers = await asyncio.gather(*(chosen(call, attempt, "realm-1") for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    async with database.acquire() as tx:
        assert (await types_said(tx)).count("connection.changed") == 1
        assert await tx.fetchval("SELECT count(*) FROM connections") == 2


@pytest.mark.usefixtures("quickbooks")
@pytest.mark.parametrize("lifecycle", ["pending", "disconnected", "replaced"])
async def test_only_a_living_connection_can_be_changed(lifecycle: str, call, database: Database) -> None:
    async with database.transaction() as tx:
        connection = await stored(tx, a_connection(lifecycle=lifecycle))
    body = {
        "provider": "quickbooks",
        "intent": "change",
        "connection_id": connection.id,
        "channel": "web",
        "return_to": PAGE,
        "browser_binding": BINDING_HASH.hexdigest(),
    }
    refused = await call("POST", "/api/v1/connection-attempts", body)
    missing = await call("POST", "/api/v1/connection-attempts", body | {"connection_id": None})

    assert (refused.status_code, refused.json()["code"]) == (409, "not_changeable")
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (422, "/body/connection_id")
