"""Reconnect links from mails, and logins that came back to nowhere: pages for browsers that are not signed in."""

from datetime import timedelta

import pytest
from build_web_svc import ANNA, BEN, NOW, XERO, Browser, Seen, World, signed_in

from web_svc.api.site import form_token

CHOICE = f"/b/biz_demo/settings/connections/{XERO}/organisation?attempt=att_1"
LOGIN = {"attempt_id": "att_1", "state": "started", "problem": None, "missing_permissions": []}


async def test_reading_a_link_spends_nothing(world: World) -> None:
    world.connection_service.link("valid")
    page = await Browser(world).open("/r/valid")
    assert (page.status, page.heading) == (200, "Reconnect Xero")
    assert "The Xero connection of D••• T•••••• L•• needs a new login." in page.text
    assert world.connection_service.calls == []


async def test_pressing_the_button_spends_the_link_and_leaves_for_the_login(world: World) -> None:
    world.connection_service.link("valid")
    browser = Browser(world)
    leaving = await (await browser.open("/r/valid")).press("Log in to Xero")
    assert leaving.answer.headers["refresh"] == f"0; url={world.connection_service.start_url}"
    call = world.connection_service.calls[0]
    assert (call.path, call.by.role) == ("/internal/reconnect-links/valid/consume", "service")
    assert call.body == {"browser_binding": leaving.binding.fingerprint}


async def test_a_link_signs_nobody_in(world: World) -> None:
    world.connection_service.link("valid")
    browser = Browser(world)
    await (await browser.open("/r/valid")).press("Log in to Xero")
    assert (await browser.open("/b/biz_demo/inbox")).leads_to.startswith("/sign-in")


async def back_from_the_login(world: World, **login: object) -> Seen:
    """The link was pressed, and the provider sent the browser back; the login stands like this."""
    world.connection_service.link("valid")
    browser = Browser(world)
    await (await browser.open("/r/valid")).press("Log in to Xero")
    world.connection_service.links["valid"]["login"] = LOGIN | login
    back = await browser.open("/r/back?attempt=att_1")
    return await browser.open(back.leads_to)


async def test_who_comes_back_from_a_login_that_worked_sees_that_it_is_repaired(world: World) -> None:
    page = await back_from_the_login(world, state="activated")
    world.connection_service.links["valid"]["state"] = "repaired"
    assert (await page.browser.open("/r/valid")).heading == "Already repaired"


async def test_where_somebody_has_to_confirm_the_organisation_the_way_on_is_to_sign_in(world: World) -> None:
    page = await back_from_the_login(world, state="returned")
    assert page.heading == "Not repaired yet"
    assert page.href("Sign in to finish") == CHOICE


async def test_a_login_at_another_organisation_is_told_where_the_link_is_and_names_none(world: World) -> None:
    page = await back_from_the_login(world, state="failed", problem="organisation_mismatch")
    assert page.heading == "That is a different organisation"
    assert "This link is for D••• T•••••• L•• , and you logged in to another organisation." in page.text
    assert page.labels("form button") == ["Ask for a new link"]
    assert "Demo Trading" not in page.answer.text


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ({"state": "failed", "problem": "denied"}, "Access was not granted. Nothing has changed."),
        ({"state": "timed_out", "problem": "timed_out"}, "The login took too long and was cancelled"),
        (
            {"state": "failed", "problem": "scope_missing", "missing_permissions": ["bills"]},
            "Xero did not grant everything we need (bills and receipts).",
        ),
    ],
)
async def test_a_login_through_a_link_that_did_not_work_says_why(world: World, login: dict, words: str) -> None:
    page = await back_from_the_login(world, **login)
    assert page.heading == "The login did not work"
    assert words in page.text
    assert page.labels("form button") == ["Ask for a new link"]


async def test_a_login_through_a_link_that_is_not_back_can_be_looked_at_again(world: World) -> None:
    page = await back_from_the_login(world, state="started")
    assert page.heading == "Not back from Xero yet"
    assert "Did you finish in Xero?" in page.text
    assert page.href("Check again") == "/r/valid"


@pytest.mark.parametrize(
    ("user_id", "state", "leads_to"),
    [
        (ANNA, "returned", CHOICE),
        (ANNA, "activated", CHOICE),
        (ANNA, "failed", "/r/valid"),
        (BEN, "returned", "/r/valid"),  # a member, who may not open the pages of connections
    ],
)
async def test_whoever_is_signed_in_and_may_finishes_at_once_and_others_come_back_to_the_link(
    world: World, user_id: str, state: str, leads_to: str
) -> None:
    world.connection_service.link("valid")
    browser = await signed_in(world, user_id)
    await (await browser.open("/r/valid")).press("Log in to Xero")
    world.connection_service.links["valid"]["login"] = LOGIN | {"state": state}
    assert (await browser.open("/r/back?attempt=att_1")).leads_to == leads_to


async def test_a_browser_that_left_through_no_link_is_led_to_the_start(world: World) -> None:
    assert (await Browser(world).open("/r/back?attempt=att_1")).leads_to == "/"
    assert (await Browser(world).open(CHOICE)).leads_to.startswith("/sign-in?")


@pytest.mark.parametrize("state", ["used", "expired"])
async def test_whoever_holds_a_link_that_does_nothing_any_more_asks_for_a_new_one(world: World, state: str) -> None:
    world.connection_service.link(state)
    page = await (await Browser(world).open(f"/r/{state}")).press("Ask for a new link")
    assert "We have asked for a new link." in page.said
    assert "Ask for a new link" not in page.labels("button"), "there is nothing to press twice"
    [call] = world.connection_service.calls
    assert (call.path, call.by.role) == (f"/internal/reconnect-links/{state}/ask", "service")


async def test_a_link_that_was_asked_for_before_says_when_and_not_that_a_mail_goes_out(world: World) -> None:
    world.connection_service.link("expired")
    world.connection_service.asked_at = NOW - timedelta(hours=5)
    page = await (await Browser(world).open("/r/expired")).press("Ask for a new link")
    assert "A new link was asked for 5 hours ago." in page.said


async def test_a_new_link_is_not_asked_for_once_somebody_has_repaired_it(world: World) -> None:
    world.connection_service.link("expired")
    page = await Browser(world).open("/r/expired")
    world.connection_service.links["expired"]["state"] = "repaired"
    assert (await page.press("Ask for a new link")).heading == "Already repaired"


async def test_while_a_provider_is_paused_its_links_wait(world: World) -> None:
    world.connection_service.paused = {"xero"}
    world.connection_service.link("valid")
    page = await Browser(world).open("/r/valid")
    assert page.heading == "Xero is paused"
    assert "Xero connections are paused for maintenance." in page.text
    assert page.labels("form button") == []


async def test_a_link_says_who_asks(world: World) -> None:
    world.connection_service.link("valid")
    world.connection_service.links["valid"]["asked_by"] = ANNA
    assert "Anna Berg asks you for it." in (await Browser(world).open("/r/valid")).text


@pytest.mark.parametrize(
    ("state", "status", "heading"),
    [
        ("used", 410, "This link has been used"),
        ("expired", 410, "This link has expired"),
        ("repaired", 200, "Already repaired"),
        ("ended", 410, "Nothing to reconnect"),
    ],
)
async def test_a_link_that_does_nothing_any_more_says_so(world: World, state: str, status: int, heading: str) -> None:
    world.connection_service.link(state)
    page = await Browser(world).open(f"/r/{state}")
    assert (page.status, page.heading) == (status, heading)
    assert "Log in to Xero" not in page.labels("button")


async def test_a_link_that_never_was_is_not_found(world: World) -> None:
    page = await Browser(world).open("/r/made-up")
    assert (page.status, page.heading) == (404, "This link does not exist")


async def test_the_button_of_a_link_that_was_spent_meanwhile_says_so(world: World) -> None:
    world.connection_service.link("valid")
    page = await Browser(world).open("/r/valid")
    await page.press("Log in to Xero")
    again = await page.press("Log in to Xero")
    assert (again.status, again.heading) == (410, "This link has been used")


async def test_a_form_made_elsewhere_spends_nothing(world: World) -> None:
    world.connection_service.link("valid")
    for token in ("", form_token("")):  # a form of another site brings none of our cookies
        for address in ("/r/valid", "/r/valid/ask"):
            sent = await Browser(world).send(address, {"form_token": token, "idempotency_key": "k"})
            assert sent.status == 403
    assert world.connection_service.calls == []


async def test_the_address_of_a_link_is_told_to_nobody(world: World) -> None:
    world.connection_service.link("valid")
    page = await Browser(world).open("/r/valid")
    for told in (page, await page.press("Log in to Xero")):
        assert told.answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("state_unknown", "This page was opened from an old or copied link. Start again from Connections."),
        ("foreign_browser", "This login was started in another browser, so we did not use it."),
    ],
)
async def test_a_login_that_belongs_to_nobody_here_changes_nothing_and_says_where_to_start(
    world: World, code: str, words: str
) -> None:
    page = await Browser(world).open(f"/connect/problem?code={code}")
    assert words in page.text
    assert page.href("Open Relink") == "/"
