"""Reconnect links: a secret in a mail that starts one repair of one connection."""

from datetime import timedelta

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
    said,
    some_tokens,
    stored,
)

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.api.parts import Parts
from connection_svc.domain.connection import Connection
from connection_svc.domain.reconnect import LINK_LIFETIME
from connection_svc.handlers import HANDLERS
from connection_svc.store import cases
from providers.models import Organisation
from relink_contracts.events import Membership
from relink_contracts.testing import received

KNOWS_MEMBERS = next(handler for handler in HANDLERS if handler.event is Membership)


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
            "paused": False,
            "login": None,
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
    attempt_id = attempt_of(await followed(call, browser, one))
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


def attempt_of(location: str) -> str:
    """The attempt that the browser came back from: to the page of links, whose address tells nothing of the link."""
    page, _, attempt_id = location.partition("?attempt=")
    assert page == "https://relink.example/r/back"
    return attempt_id


async def test_what_became_of_its_login_is_seen_behind_the_link(call, browser, case_id: str) -> None:
    secret = await made(call, case_id)
    attempt_id = attempt_of(await followed(call, browser, secret))

    assert (await shown(call, secret))["login"] == {
        "attempt_id": attempt_id,
        "state": "returned",
        "problem": None,
        "missing_permissions": [],
    }


async def test_a_login_at_another_organisation_is_told_behind_the_link_without_its_name(
    call, browser, case_id: str, xero: FakeProvider
) -> None:
    xero.granted = [Organisation(OTHER.id, OTHER.name)]
    secret = await made(call, case_id)
    await followed(call, browser, secret)

    seen = await shown(call, secret)
    assert (seen["login"]["state"], seen["login"]["problem"]) == ("failed", "organisation_mismatch")
    assert OTHER.name not in str(seen)


async def test_a_login_that_never_came_back_is_over_in_time(call, case_id: str, clock: FrozenClock) -> None:
    secret = await made(call, case_id)
    await consumed(call, secret)
    clock.advance(timedelta(minutes=30))

    assert (await shown(call, secret))["login"]["state"] == "timed_out"


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
    attempt_id = attempt_of(await followed(call, browser, await made(call, case_id)))

    assert (await call("GET", f"/api/v1/connection-attempts/{attempt_id}")).json()["organisations"] == []


@pytest.mark.parametrize("path", ["GET ", "POST /consume", "POST /ask"])
async def test_an_unknown_link_is_not_found(path: str, call) -> None:
    method, _, rest = path.partition(" ")
    body = {"browser_binding": BINDING_HASH.hexdigest()} if rest == "/consume" else None
    url = f"/internal/reconnect-links/nobody-made-this{rest}"

    assert (await call(method, url, body, role="service", business="biz_none")).status_code == 404


async def test_a_link_to_a_paused_provider_is_not_spent(call, case_id: str, parts: Parts) -> None:
    secret = await made(call, case_id)
    parts.paused.add("xero")

    assert (await consumed(call, secret)).json()["code"] == "provider_paused"
    seen = await shown(call, secret)
    assert (seen["state"], seen["paused"]) == ("valid", True)


@pytest.fixture
async def people(database: Database) -> None:
    """Anna and Dora may reconnect; Ben may not."""
    async with database.transaction() as tx:
        for user, role in (("usr_anna", "admin"), ("usr_ben", "member"), ("usr_dora", "admin")):
            await KNOWS_MEMBERS.function(received(Membership, 1, user_id=user, roles=(role,)), tx)


async def asked_for_another(call, secret: str):
    return await call("POST", f"/internal/reconnect-links/{secret}/ask", role="service", business="biz_none")


async def recipients_of_mails(database: Database) -> list[list[str]]:
    async with database.acquire() as tx:
        events = [data for event, data in await said(tx) if event == "reconnect.asked"]
    assert all(event["asked_by"] == "reconnect-link" for event in events), "nobody knows who holds a link"
    return [event["recipient_user_ids"] for event in events]


@pytest.mark.usefixtures("people")
async def test_whoever_holds_a_spent_link_has_a_new_one_asked_for_once(
    call, case_id: str, database: Database, clock: FrozenClock
) -> None:
    secret = await made(call, case_id)
    assert (await asked_for_another(call, secret)).json()["code"] == "no_new_link_needed"
    await consumed(call, secret)

    first = await asked_for_another(call, secret)
    clock.advance(timedelta(days=2))
    second = await asked_for_another(call, secret)

    assert first.json() == second.json() == {"asked_at": "2027-03-02T12:00:00Z"}
    assert await recipients_of_mails(database) == [["usr_anna", "usr_dora"]]


@pytest.mark.usefixtures("people")
async def test_holders_of_several_links_together_bring_one_mail_a_day(
    call, case_id: str, database: Database, clock: FrozenClock
) -> None:
    secrets = [await made(call, case_id) for _ in range(3)]
    clock.advance(LINK_LIFETIME)
    for secret in secrets:
        await asked_for_another(call, secret)
        clock.advance(timedelta(minutes=1))
    assert len(await recipients_of_mails(database)) == 1

    clock.advance(timedelta(days=1))
    await asked_for_another(call, secrets[2])
    assert len(await recipients_of_mails(database)) == 2


@pytest.mark.usefixtures("people")
async def test_a_new_link_is_asked_of_whoever_gave_the_old_one_while_he_may_still_give_one(
    call, expired: Connection, database: Database, clock: FrozenClock
) -> None:
    url, wanted = f"/api/v1/connections/{expired.id}/reconnect-links", {"ttl_seconds": 1_800}
    by_anna, by_ben = [(await call("POST", url, wanted, user=user)).json()["url"] for user in ("usr_anna", "usr_ben")]
    clock.advance(LINK_LIFETIME)

    for link in (by_anna, by_ben):
        await asked_for_another(call, link.rpartition("/")[2])
    assert await recipients_of_mails(database) == [["usr_anna"], ["usr_anna", "usr_dora"]]


async def test_the_mail_to_whoever_is_asked_for_a_link_brings_one_that_names_nobody(call, expired: Connection) -> None:
    url, wanted = f"/internal/connections/{expired.id}/reconnect-links", {"ttl_seconds": 1_800}
    answer = await call("POST", url, wanted | {"asked_by": "reconnect-link"}, service="notifier-svc", role="service")

    assert (await shown(call, answer.json()["url"].rpartition("/")[2]))["asked_by"] is None


async def test_only_the_hash_of_a_link_is_kept(call, case_id: str, database: Database) -> None:
    secret = await made(call, case_id)

    async with database.acquire() as tx:
        rows = await tx.fetch("SELECT t::text FROM reconnect_links t")
    assert secret not in str(rows)
