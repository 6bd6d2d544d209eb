"""The journey to the provider's login and back, as browsers, programs and crooks make it."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from build_connection_svc import (
    BUSINESS,
    DEMO,
    NOON,
    OTHER,
    VAULT,
    YEAR,
    FakeProvider,
    a_connection,
    an_attempt,
    an_expired_connection,
    said,
    some_tokens,
    stored,
    types_said,
)
from login_steps_connection_svc import (
    CONNECT,
    PAGE,
    PROBLEM_PAGE,
    back,
    begun,
    begun_again,
    chosen,
    connection_in,
    kept_tokens,
    left,
    seen,
)
from prometheus_client import REGISTRY

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.api.parts import Parts
from connection_svc.domain.attempt import Channel, Intent
from connection_svc.domain.connection import Connection, Settings
from connection_svc.store import attempts, cases, grants
from connection_svc.work.end_attempts import end_attempts
from providers.errors import GrantRefused, ProviderUnavailable
from providers.models import Organisation, Permission


async def failure_codes(database: Database) -> list[str]:
    async with database.acquire() as tx:
        return [data["code"] for event, data in await said(tx) if event == "connection.authorisation-failed"]


async def test_a_first_connection_from_login_to_confirmation(call, browser, database: Database, xero) -> None:
    attempt = await begun(call)
    state = await left(browser, attempt)
    assert await back(browser, state=state, code="c1") == f"{PAGE}?attempt={attempt['attempt_id']}"
    offered = await seen(call, attempt)
    answer = await chosen(call, attempt)

    assert (offered["state"], offered["ask"]) == ("returned", True)
    assert [organisation["id"] for organisation in offered["organisations"]] == [DEMO.id, OTHER.id]
    assert answer.json()["lifecycle"] == "active"
    connection = await connection_in(database, attempt["connection_id"])
    assert (connection.generation, connection.organisation) == (1, DEMO)
    assert connection.consent_expires_at == NOON + YEAR
    async with database.acquire() as tx:
        grant = await grants.find(tx, VAULT, BUSINESS, connection.id)
        assert await types_said(tx) == [
            "connection.authorisation-started",
            "connection.established",
            "connection.state",
        ]
    assert grant.tokens.refresh_token == "refresh-of-c1"
    assert (await seen(call, attempt))["state"] == "activated"
    assert await kept_tokens(database) == 0


async def test_the_login_is_asked_for_with_pkce_and_the_exact_redirect_address(call, browser, xero) -> None:
    attempt = await begun(call)
    answer = await browser.get(attempt["start_url"])
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    await back(browser, state=query["state"][0], code="c1")

    ((code, verifier, redirect_uri),) = xero.exchanged
    assert (code, redirect_uri) == ("c1", "https://relink.example/oauth/callback/xero")
    assert query["redirect_uri"] == [redirect_uri]
    assert 43 <= len(verifier) <= 128
    assert verifier not in query["code_challenge"][0]


async def test_the_cookie_is_for_this_journey_alone(call, browser) -> None:
    answer = await browser.get((await begun(call))["start_url"])

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("relink_attempt=att_")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/oauth", "Secure"))
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_reconnect_keeps_the_connection_and_closes_its_case(
    call, browser, database: Database, expired: Connection, clock: FrozenClock
) -> None:
    clock.advance(YEAR + timedelta(hours=2))
    attempt = await begun_again(call, expired)
    await back(browser, state=await left(browser, attempt), code="c2")
    assert (await chosen(call, attempt)).status_code == 200

    connection = await connection_in(database, expired.id)
    assert (connection.lifecycle, connection.generation) == ("active", 2)
    async with database.transaction() as tx:
        events = dict(await said(tx))
        assert await cases.find_open(tx, BUSINESS, expired.id) is None
        assert (await grants.find(tx, VAULT, BUSINESS, expired.id)).tokens.refresh_token == "refresh-of-c2"
    assert events["connection.reconnected"]["was"] == "expired"
    assert events["connection.reconnected"]["downtime_seconds"] == 7200
    assert events["reconnect.completed"]["outcome"] == "reconnected"
    assert events["reconnect.completed"]["seconds_open"] == 7200


async def test_settings_are_the_same_bytes_before_and_after_a_reconnect(
    call, browser, database: Database, expired: Connection
) -> None:
    url = f"/api/v1/connections/{expired.id}/settings"
    wanted = {
        "warn_new_supplier": True,
        "always_ask_organisation": True,
        "auto_publish": True,
        "default_destination": "awaiting_payment",
    }
    await call("PUT", url, wanted, if_match='"1"')
    before = await call("GET", url)
    attempt = await begun_again(call, expired)
    await back(browser, state=await left(browser, attempt), code="c2")
    await chosen(call, attempt)
    after = await call("GET", url)

    assert (after.content, after.headers["ETag"]) == (before.content, before.headers["ETag"])
    assert after.json() == wanted


async def test_another_organisation_activates_nothing_and_the_right_one_may_still_be_chosen(
    call, browser, database: Database, expired: Connection
) -> None:
    attempt = await begun_again(call, expired)
    await back(browser, state=await left(browser, attempt), code="c2")
    refused = await chosen(call, attempt, OTHER.id)

    assert (refused.status_code, refused.json()["code"]) == (409, "organisation_mismatch")
    assert await connection_in(database, expired.id) == expired
    async with database.acquire() as tx:
        events = dict(await said(tx))
        assert (await grants.find(tx, VAULT, BUSINESS, expired.id)).tokens == some_tokens()
    assert events["connection.organisation-mismatched"]["expected_organisation_id"] == DEMO.id
    assert (await chosen(call, attempt)).status_code == 200


async def test_a_login_without_the_expected_organisation_says_so_at_once(
    call, browser, database: Database, expired: Connection, xero: FakeProvider
) -> None:
    xero.granted = [Organisation(OTHER.id, OTHER.name)]
    attempt = await begun_again(call, expired)
    await back(browser, state=await left(browser, attempt), code="c2")

    assert (await seen(call, attempt))["organisations"][0]["expected"] is False
    async with database.acquire() as tx:
        assert "connection.organisation-mismatched" in await types_said(tx)
    assert (await connection_in(database, expired.id)).lifecycle == "expired"


async def test_where_nobody_wants_to_be_asked_the_expected_organisation_is_confirmed_on_return(
    call, browser, database: Database
) -> None:
    async with database.transaction() as tx:
        settings = Settings(always_ask_organisation=False)
        connection = await stored(tx, an_expired_connection(settings=settings), some_tokens())
    attempt = await begun_again(call, connection)
    await back(browser, state=await left(browser, attempt), code="c2")

    assert (await connection_in(database, connection.id)).lifecycle == "active"
    assert (await seen(call, attempt))["state"] == "activated"


async def test_a_login_without_any_organisation_ends_with_its_own_code(
    call, browser, database: Database, xero: FakeProvider
) -> None:
    xero.granted = []
    attempt = await begun(call)
    await back(browser, state=await left(browser, attempt), code="c1")

    after = await seen(call, attempt)
    assert (after["state"], after["problem"], after["organisations"]) == ("failed", "no_organisation", [])
    assert await failure_codes(database) == ["insufficient_role"]
    assert await kept_tokens(database) == 0
    assert (await chosen(call, attempt)).json()["code"] == "attempt_over"


async def test_an_organisation_of_another_business_is_shown_as_taken_and_refused(
    call, browser, database: Database
) -> None:
    async with database.transaction() as tx:
        await stored(tx, a_connection(business_id="biz_other"))
    attempt = await begun(call)
    await back(browser, state=await left(browser, attempt), code="c1")
    taken, free = (await seen(call, attempt))["organisations"]
    refused = await chosen(call, attempt)

    assert (taken["id"], taken["taken_by"], taken["owner_masked"]) == (DEMO.id, "another_business", "…ther")
    assert (free["id"], free["taken"], free["taken_by"]) == (OTHER.id, False, None)
    assert (refused.status_code, refused.json()["code"]) == (409, "organisation_taken")
    assert (await connection_in(database, attempt["connection_id"])).lifecycle == "pending"
    assert (await chosen(call, attempt, OTHER.id)).status_code == 200


@pytest.mark.parametrize(
    ("params", "problem", "code"),
    [
        ({"error": "access_denied"}, "denied", "denied"),
        ({"error": "server_error"}, "provider_error", "provider_error"),
        ({}, "no_code", "provider_error"),
    ],
)
async def test_a_return_without_a_grant_ends_the_attempt_with_its_code(
    *, params: dict, problem: str, code: str, call, browser, database: Database
) -> None:
    attempt = await begun(call)
    location = await back(browser, state=await left(browser, attempt), **params)

    after = await seen(call, attempt)
    assert location == f"{PAGE}?attempt={attempt['attempt_id']}"
    assert (after["state"], after["problem"]) == ("failed", problem)
    assert await failure_codes(database) == [code]


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ProviderUnavailable("server_error"), "provider_error"),
        (GrantRefused("code_refused"), "provider_error"),
        (GrantRefused("scope_missing"), "scope_missing"),
        (TimeoutError(), "provider_error"),
    ],
)
async def test_a_provider_that_fails_leaves_nothing_half_done(
    *, error: Exception, problem: str, call, browser, database: Database, xero: FakeProvider
) -> None:
    xero.errors = [error]
    attempt = await begun(call)
    await back(browser, state=await left(browser, attempt), code="c1")

    after = await seen(call, attempt)
    assert (after["state"], after["problem"]) == ("failed", problem)
    assert await failure_codes(database) == [problem]
    assert await kept_tokens(database) == 0
    assert (await connection_in(database, attempt["connection_id"])).lifecycle == "pending"


async def test_a_login_that_lacks_permissions_says_which(call, browser, xero: FakeProvider) -> None:
    xero.errors = [GrantRefused("scope_missing", (Permission.BILLS, Permission.ATTACHMENTS))]
    attempt = await begun(call)
    await back(browser, state=await left(browser, attempt), code="c1")

    after = await seen(call, attempt)
    assert (after["problem"], after["missing_permissions"]) == ("scope_missing", ["bills", "attachments"])


async def test_nobody_is_sent_to_the_login_of_a_paused_provider(call, parts: Parts, database: Database) -> None:
    parts.paused.add("xero")
    answer = await call("POST", "/api/v1/connection-attempts", CONNECT)

    assert (answer.status_code, answer.json()["code"]) == (409, "provider_paused")
    assert answer.json()["detail"] == "Xero connections are paused for maintenance."
    assert [each["paused"] for each in (await call("GET", "/api/v1/providers")).json()["items"]] == [True]
    async with database.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM connections") == 0


async def test_who_has_left_for_a_provider_that_is_paused_meanwhile_comes_back(call, browser, parts: Parts) -> None:
    attempt = await begun(call)
    state = await left(browser, attempt)
    parts.paused.add("xero")
    await back(browser, state=state, code="c1")

    assert (await seen(call, attempt))["state"] == "returned"


async def test_software_for_the_web_only_is_not_connected_from_a_phone(call, xero: FakeProvider) -> None:
    xero.facts = replace(xero.facts, mobile=False)
    answer = await call("POST", "/api/v1/connection-attempts", CONNECT | {"channel": "mobile"})

    assert (answer.status_code, answer.json()["code"]) == (422, "provider_web_only")
    assert answer.json()["errors"][0]["pointer"] == "/body/channel"


@pytest.mark.parametrize("binding", ["of-another-browser", "", None])
async def test_nobody_leaves_for_the_login_in_a_browser_that_did_not_ask_for_it(
    binding: str | None, call, browser, another_browser, database: Database
) -> None:
    attempt = await begun(call)
    another_browser.cookies.clear()
    if binding is not None:
        another_browser.cookies.set("relink_binding", binding)
    answer = await another_browser.get(attempt["start_url"])

    assert answer.headers["Location"] == PROBLEM_PAGE + "foreign_browser"
    assert "Set-Cookie" not in answer.headers
    async with database.acquire() as tx:
        assert await types_said(tx) == []
    await back(browser, state=await left(browser, attempt), code="c1")
    assert (await seen(call, attempt))["state"] == "returned", "the browser that asked is not harmed"


async def test_a_browser_that_leaves_for_an_attempt_of_its_own_stays_foreign_to_others(
    call, another_browser, xero: FakeProvider
) -> None:
    own = await begun(call, browser_binding=hashlib.sha256(b"of-another-browser").hexdigest())
    await left(another_browser, own)
    answer = await another_browser.get((await begun(call))["start_url"])

    assert answer.headers["Location"] == PROBLEM_PAGE + "foreign_browser"


async def test_a_stranger_does_not_learn_that_an_attempt_is_over(call, another_browser) -> None:
    attempt = await begun(call)
    await call("POST", f"/api/v1/connection-attempts/{attempt['attempt_id']}/cancel")
    answer = await another_browser.get(attempt["start_url"])

    assert answer.headers["Location"] == PROBLEM_PAGE + "foreign_browser"


@pytest.mark.parametrize("binding", [None, "", "not-a-hash"])
async def test_an_attempt_that_is_bound_to_no_browser_does_not_begin(binding: str | None, call) -> None:
    answer = await call("POST", "/api/v1/connection-attempts", CONNECT | {"browser_binding": binding})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/browser_binding")


async def test_a_return_in_another_browser_connects_nothing_and_tells_nothing(
    call, browser, another_browser, database: Database, xero: FakeProvider
) -> None:
    attempt = await begun(call)
    state = await left(browser, attempt)
    location = await back(another_browser, state=state, code="c1")

    assert location == PROBLEM_PAGE + "foreign_browser"
    assert xero.exchanged == []
    assert await failure_codes(database) == ["state_mismatch"]
    assert (await seen(call, attempt))["state"] == "started"
    await back(browser, state=state, code="c1")
    assert (await seen(call, attempt))["state"] == "returned", "the browser that left is not harmed"


async def test_a_foreign_state_changes_nothing(call, browser, database: Database, xero: FakeProvider) -> None:
    attempt = await begun(call)
    await left(browser, attempt)
    location = await back(browser, state="not-ours", code="c1")

    assert location == PROBLEM_PAGE + "state_unknown"
    assert (xero.exchanged, await failure_codes(database)) == ([], ["state_mismatch"])
    assert (await seen(call, attempt))["state"] == "started"


async def test_an_old_state_is_unknown_after_leaving_again(call, browser, xero: FakeProvider) -> None:
    attempt = await begun(call)
    old, new = await left(browser, attempt), await left(browser, attempt)

    assert await back(browser, state=old, code="c1") == PROBLEM_PAGE + "state_unknown"
    assert xero.exchanged == []
    await back(browser, state=new, code="c1")
    assert (await seen(call, attempt))["state"] == "returned"


async def test_a_state_of_one_provider_is_unknown_to_another(call, browser, parts: Parts, xero: FakeProvider) -> None:
    parts.providers["quickbooks"] = FakeProvider(name="quickbooks")
    state = await left(browser, await begun(call))
    answer = await browser.get("/oauth/callback/quickbooks", params={"state": state, "code": "c1"})

    assert answer.headers["Location"] == PROBLEM_PAGE + "state_unknown"
    assert parts.providers["quickbooks"].exchanged == []


async def test_the_same_return_twice_at_once_asks_the_provider_once(
    call, browser, database: Database, xero: FakeProvider
) -> None:
    attempt = await begun(call)
    state = await left(browser, attempt)
    xero.slow = 0.2
    locations = await asyncio.gather(*(back(browser, state=state, code="c1") for _ in range(2)))
    locations.append(await back(browser, state=state, code="c1"))

    assert set(locations) == {f"{PAGE}?attempt={attempt['attempt_id']}"}
    assert len(xero.exchanged) == 1
    assert (await seen(call, attempt))["state"] == "returned"
    assert await failure_codes(database) == []


async def test_a_replay_after_everything_is_done_lands_on_the_present_state(
    call, browser, database: Database, xero: FakeProvider
) -> None:
    attempt = await begun(call)
    state = await left(browser, attempt)
    await back(browser, state=state, code="c1")
    await chosen(call, attempt)
    before = await connection_in(database, attempt["connection_id"])

    assert await back(browser, state=state, code="c1") == f"{PAGE}?attempt={attempt['attempt_id']}"
    assert await connection_in(database, attempt["connection_id"]) == before


async def test_a_late_return_is_told_that_it_is_late(
    call, browser, database: Database, clock: FrozenClock, xero: FakeProvider
) -> None:
    attempt = await begun(call)
    state = await left(browser, attempt)
    clock.advance(timedelta(minutes=30))
    await back(browser, state=state, code="c1")
    await end_attempts(database, clock)

    after = await seen(call, attempt)
    assert (after["state"], after["problem"]) == ("timed_out", "timed_out")
    assert (xero.exchanged, await failure_codes(database)) == ([], ["timed_out"])


async def test_attempts_that_nobody_finished_are_ended_once_and_their_tokens_forgotten(
    call, browser, database: Database, clock: FrozenClock
) -> None:
    attempt = await begun(call)
    await back(browser, state=await left(browser, attempt), code="c1")
    assert await kept_tokens(database) == 1
    clock.advance(timedelta(minutes=30))
    assert (await seen(call, attempt))["state"] == "timed_out", "also before the worker came by"
    await asyncio.gather(*(end_attempts(database, clock) for _ in range(2)))

    assert await kept_tokens(database) == 0
    assert await failure_codes(database) == ["timed_out"]
    assert (await chosen(call, attempt)).json()["code"] == "attempt_over"
    assert (await browser.get(attempt["start_url"])).headers["Location"].startswith(PAGE)


def damage_seen(table: str) -> float:
    return REGISTRY.get_sample_value("undecipherable_secrets_total", {"table": table}) or 0


async def test_a_return_whose_verifier_was_damaged_where_we_keep_it_ends_on_its_page_and_alarms(
    call, browser, database: Database, xero: FakeProvider
) -> None:
    attempt, seen_before = await begun(call), damage_seen("attempts")
    state = await left(browser, attempt)
    async with database.acquire() as tx:
        await tx.execute("UPDATE attempts SET verifier = set_byte(verifier, 20, 255 - get_byte(verifier, 20))")
    location = await back(browser, state=state, code="c1")

    after = await seen(call, attempt)
    assert location == f"{PAGE}?attempt={attempt['attempt_id']}"
    assert (after["state"], after["problem"], xero.exchanged) == ("failed", "state_unknown", [])
    assert (await failure_codes(database), damage_seen("attempts")) == (["state_mismatch"], seen_before + 1)


async def test_an_organisation_cannot_be_chosen_once_what_its_login_brought_was_damaged(
    call, browser, database: Database, expired: Connection
) -> None:
    attempt, seen_before = await begun_again(call, expired), damage_seen("attempt_grants")
    await back(browser, state=await left(browser, attempt), code="c2")
    async with database.acquire() as tx:
        await tx.execute("UPDATE attempt_grants SET wrapped_key = 'damaged'")
    answer = await chosen(call, attempt)

    assert (answer.status_code, answer.json()["code"]) == (409, "attempt_over")
    assert (await seen(call, attempt))["state"] == "failed"
    assert await connection_in(database, expired.id) == expired
    assert (await kept_tokens(database), damage_seen("attempt_grants")) == (0, seen_before + 1)


async def test_a_cancelled_attempt_is_over(call, browser, database: Database, xero: FakeProvider) -> None:
    attempt = await begun(call)
    state = await left(browser, attempt)
    answer = await call("POST", f"/api/v1/connection-attempts/{attempt['attempt_id']}/cancel")

    assert answer.json()["state"] == "cancelled"
    await back(browser, state=state, code="c1")
    assert xero.exchanged == []


async def test_an_attempt_that_is_cancelled_during_the_exchange_stays_cancelled(
    call, browser, database: Database, xero: FakeProvider
) -> None:
    attempt = await begun(call)
    state = await left(browser, attempt)
    xero.slow = 0.2
    returning = asyncio.create_task(back(browser, state=state, code="c1"))
    await asyncio.sleep(0.1)
    await call("POST", f"/api/v1/connection-attempts/{attempt['attempt_id']}/cancel")
    await returning

    assert (await seen(call, attempt))["state"] == "cancelled"
    assert await kept_tokens(database) == 0


@pytest.mark.parametrize(("iss", "problem"), [("https://issuer.example", None), ("https://evil.example", True)])
async def test_an_issuer_is_checked_where_the_provider_names_itself(
    iss: str, problem: bool | None, call, browser, parts: Parts
) -> None:
    parts.issuers["xero"] = "https://issuer.example"
    attempt = await begun(call)
    await back(browser, state=await left(browser, attempt), code="c1", iss=iss)

    assert (await seen(call, attempt))["problem"] == ("issuer_mismatch" if problem else None)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/b/biz_demo",
        "https://relink.example.evil.example/",
        "https://relink.example@evil.example/",
        "//evil.example/",
        "https://relink.example\\@evil.example/",
        "javascript:alert(1)",
        "/b/biz_demo",
        "http://relink.example/",
    ],
)
async def test_nobody_is_sent_to_foreign_pages_after_a_login(elsewhere: str, call) -> None:
    answer = await call("POST", "/api/v1/connection-attempts", CONNECT | {"return_to": elsewhere})

    assert (answer.status_code, answer.json()["code"]) == (422, "return_to_refused")


async def test_a_page_with_a_query_keeps_it(call, browser) -> None:
    attempt = await begun(call, return_to=f"{PAGE}?from=inbox")
    location = await back(browser, state=await left(browser, attempt), error="access_denied")

    assert location == f"{PAGE}?from=inbox&attempt={attempt['attempt_id']}"


async def test_an_unknown_provider_is_refused_by_name(call) -> None:
    answer = await call("POST", "/api/v1/connection-attempts", CONNECT | {"provider": "abacus"})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/provider")


async def test_a_connection_that_ended_cannot_be_reconnected(call, database: Database) -> None:
    async with database.transaction() as tx:
        connection = await stored(tx, a_connection(lifecycle="disconnected"))
    body = CONNECT | {"intent": "reconnect", "connection_id": connection.id}
    answer = await call("POST", "/api/v1/connection-attempts", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_reconnectable")


async def test_an_organisation_that_this_business_connected_already_is_refused_by_its_own_code(
    call, browser, database: Database
) -> None:
    async with database.transaction() as tx:
        await stored(tx, a_connection())
    attempt = await begun(call)
    await back(browser, state=await left(browser, attempt), code="c1")
    shown = (await seen(call, attempt))["organisations"][0]

    assert (shown["taken_by"], shown["owner_masked"]) == ("this_business", None)
    assert (await chosen(call, attempt)).json()["code"] == "organisation_connected_here"


async def test_a_connection_that_was_disconnected_during_the_login_stays_so(
    call, browser, database: Database, expired: Connection
) -> None:
    attempt = await begun_again(call, expired)
    state = await left(browser, attempt)
    await call("POST", f"/api/v1/connections/{expired.id}/disconnect", {"keep_lists": True})
    await back(browser, state=state, code="c2")

    after = await seen(call, attempt)
    assert (after["state"], after["problem"]) == ("failed", "connection_ended")
    assert (await connection_in(database, expired.id)).lifecycle == "disconnected"


async def test_through_a_link_another_organisation_ends_the_attempt(
    call, browser, database: Database, expired: Connection, xero: FakeProvider
) -> None:
    xero.granted = [Organisation(OTHER.id, OTHER.name)]
    async with database.transaction() as tx:
        attempt = an_attempt(connection_id=expired.id, intent=Intent.RECONNECT, channel=Channel.LINK)
        await attempts.add(tx, attempt)
    start = {"start_url": f"https://relink.example/oauth/start/{attempt.id}", "attempt_id": attempt.id}
    await back(browser, state=await left(browser, start), code="c2")

    after = await seen(call, start)
    assert (after["state"], after["problem"], after["organisations"]) == ("failed", "organisation_mismatch", [])
    async with database.acquire() as tx:
        mismatch = dict(await said(tx))["connection.organisation-mismatched"]
    assert mismatch["offered_organisation_ids"] == [OTHER.id]


async def test_every_step_of_a_login_is_in_the_history_with_who_and_from_where(
    call, browser, database: Database, expired: Connection, clock: FrozenClock
) -> None:
    async def journey(code: str) -> dict:
        attempt = await begun_again(call, expired, channel="mobile")
        params = {"code": code} if code else {"error": "access_denied"}
        await back(browser, state=await left(browser, attempt), **params)
        return attempt

    await journey("")
    await chosen(call, await journey("c2"), OTHER.id)
    cancelled = await journey("c3")
    await call("POST", f"/api/v1/connection-attempts/{cancelled['attempt_id']}/cancel")
    await begun_again(call, expired)
    clock.advance(timedelta(minutes=31))
    await end_attempts(database, clock)
    await chosen(call, await journey("c4"))

    lines = (await call("GET", f"/api/v1/connections/{expired.id}/history")).json()["items"]
    assert [line["what"] for line in reversed(lines)] == [
        *("login_started", "login_failed"),
        *("login_started", "login_allowed", "organisation_mismatched"),
        *("login_begun_again", "login_started", "login_allowed", "login_cancelled"),
        "login_failed",
        *("login_started", "login_allowed", "reconnected"),
    ]
    assert {line["by"] for line in lines} == {"usr_anna"}
    assert lines[-1]["detail"] == "intent: reconnect, channel: mobile"
    assert lines[-2]["detail"] == "intent: reconnect, channel: mobile, problem: denied"


async def test_the_same_request_twice_begins_one_attempt(call, database: Database) -> None:
    first = await call("POST", "/api/v1/connection-attempts", CONNECT, idempotency_key="k1")
    again = await call("POST", "/api/v1/connection-attempts", CONNECT, idempotency_key="k1")

    assert again.json() == first.json()
    async with database.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM attempts") == 1
