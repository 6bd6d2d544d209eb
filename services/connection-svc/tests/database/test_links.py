"""Reconnect links: a secret in a mail that starts one repair of one connection."""

import pytest
from build_connection_svc import (
    BINDING_HASH,
    BUSINESS,
    DEMO,
    OTHER,
    YEAR,
    FakeProvider,
    a_case,
    an_expired_connection,
    some_tokens,
    stored,
)

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.domain.connection import Connection
from connection_svc.domain.reconnect import LINK_LIFETIME
from connection_svc.store import cases
from providers.models import Organisation


@pytest.fixture
async def expired(database: Database, clock: FrozenClock) -> Connection:
    clock.advance(YEAR)
    async with database.transaction() as tx:
        return await stored(tx, an_expired_connection(), some_tokens())


@pytest.fixture
async def case_id(database: Database, expired: Connection) -> str:
    case = a_case(expired)
    async with database.transaction() as tx:
        await cases.add(tx, case)
    return case.id


async def made(call, case_id: str) -> str:
    """The secret of a new link."""
    url = f"/internal/reconnect-cases/{case_id}/links"
    answer = await call("POST", url, service="notifier-svc", role="service")
    assert answer.status_code == 201, answer.text
    page, _, secret = answer.json()["url"].rpartition("/")
    assert page == "https://relink.example/r"
    return secret


async def shown(call, secret: str) -> dict:
    answer = await call("GET", f"/internal/reconnect-links/{secret}", role="service", business="biz_none")
    return answer.json()


async def consumed(call, secret: str):
    body = {"browser_binding": BINDING_HASH.hexdigest()}
    return await call("POST", f"/internal/reconnect-links/{secret}/consume", body, role="service", business="biz_none")


async def test_looking_at_a_link_does_not_spend_it_and_shows_no_name(call, case_id: str, expired: Connection) -> None:
    secret = await made(call, case_id)

    for _ in range(3):
        assert await shown(call, secret) == {
            "business_id": BUSINESS,
            "connection_id": expired.id,
            "provider": "xero",
            "provider_name": "Xero",
            "organisation_masked": "D••• T•••••• L••",
            "asked_by": None,
            "state": "valid",
        }


async def test_a_link_is_spent_by_one_press(call, case_id: str) -> None:
    secret = await made(call, case_id)
    first, second = await consumed(call, secret), await consumed(call, secret)

    assert first.json()["start_url"].startswith("https://relink.example/oauth/start/att_")
    assert (second.status_code, second.json()["code"]) == (409, "link_not_valid")
    assert (await shown(call, secret))["state"] == "used"


async def test_a_link_ends_after_its_time(call, case_id: str, clock: FrozenClock) -> None:
    secret = await made(call, case_id)
    clock.advance(LINK_LIFETIME)

    assert (await shown(call, secret))["state"] == "expired"
    assert (await consumed(call, secret)).status_code == 409


async def test_a_repair_through_one_link_makes_the_others_needless(call, browser, case_id: str) -> None:
    one, other = await made(call, case_id), await made(call, case_id)
    location = await followed(call, browser, one)
    attempt_id = location.partition("attempt=")[2]
    body = {"organisation_id": DEMO.id}
    assert (await call("POST", f"/api/v1/connection-attempts/{attempt_id}/organisation", body)).status_code == 200

    assert {(await shown(call, secret))["state"] for secret in (one, other)} == {"repaired"}
    assert (await consumed(call, other)).status_code == 409


async def followed(call, browser, secret: str) -> str:
    start = (await consumed(call, secret)).json()["start_url"]
    login = (await browser.get(start)).headers["Location"]
    state = login.partition("state=")[2].partition("&")[0]
    answer = await browser.get("/oauth/callback/xero", params={"state": state, "code": "c1"})
    return answer.headers["Location"]


async def test_a_link_leads_back_to_the_organisation_page_of_its_connection(
    call, browser, case_id: str, expired: Connection
) -> None:
    location = await followed(call, browser, await made(call, case_id))

    page = f"https://relink.example/b/{BUSINESS}/settings/connections/{expired.id}/organisation?attempt=att_"
    assert location.startswith(page)


async def test_only_the_browser_in_which_a_link_was_used_may_leave_for_the_login(
    call, another_browser, case_id: str
) -> None:
    start = (await consumed(call, await made(call, case_id))).json()["start_url"]

    answer = await another_browser.get(start)
    assert answer.headers["Location"] == "https://relink.example/connect/problem?code=foreign_browser"


async def test_a_login_through_a_link_shows_nothing_but_the_expected_organisation(
    call, browser, case_id: str, xero: FakeProvider
) -> None:
    xero.granted = [Organisation(OTHER.id, OTHER.name)]
    location = await followed(call, browser, await made(call, case_id))
    attempt_id = location.partition("attempt=")[2]

    assert (await call("GET", f"/api/v1/connection-attempts/{attempt_id}")).json()["organisations"] == []


async def test_an_unknown_link_is_not_found(call) -> None:
    answer = await call("GET", "/internal/reconnect-links/nobody-made-this", role="service", business="biz_none")

    assert answer.status_code == 404


async def test_only_the_hash_of_a_link_is_kept(call, case_id: str, database: Database) -> None:
    secret = await made(call, case_id)

    async with database.acquire() as tx:
        rows = await tx.fetch("SELECT t::text FROM reconnect_links t")
    assert secret not in str(rows)
