"""Reconnect links from mails, and logins that came back to nowhere: pages for browsers that are not signed in."""

import pytest
from build_web_svc import ANNA, XERO, Browser, World

from web_svc.api.site import form_token

RETURN = f"/b/biz_demo/settings/connections/{XERO}/organisation?attempt=att_1"


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


async def test_who_is_not_signed_in_comes_back_to_the_link_that_is_repaired(world: World) -> None:
    world.connection_service.link("valid")
    browser = Browser(world)
    await (await browser.open("/r/valid")).press("Log in to Xero")
    back = await browser.open(RETURN)
    assert back.leads_to.startswith("/r/valid/back?to=%2Fb%2Fbiz_demo%2Fsettings")
    world.connection_service.links["valid"]["state"] = "repaired"
    assert (await browser.open((await browser.open(back.leads_to)).leads_to)).heading == "Already repaired"


async def test_where_somebody_has_to_confirm_or_the_organisation_was_another_the_way_on_is_to_sign_in(
    world: World,
) -> None:
    world.connection_service.link("valid")
    browser = Browser(world)
    await (await browser.open("/r/valid")).press("Log in to Xero")
    page = await browser.open((await browser.open(RETURN)).leads_to)
    assert page.heading == "Not repaired yet"
    assert "you logged in to another one than D••• T•••••• L••." in page.text
    assert page.href("Sign in to finish").startswith("/sign-in?return_to=%2Fb%2Fbiz_demo")


async def test_a_browser_that_left_through_no_link_signs_in(world: World) -> None:
    assert (await Browser(world).open(RETURN)).leads_to.startswith("/sign-in?")


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
    ],
)
async def test_a_link_that_does_nothing_any_more_says_so(world: World, state: str, status: int, heading: str) -> None:
    world.connection_service.link(state)
    page = await Browser(world).open(f"/r/{state}")
    assert (page.status, page.heading) == (status, heading)
    assert page.labels("button") == []


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
        sent = await Browser(world).send("/r/valid", {"form_token": token, "idempotency_key": "k"})
        assert sent.status == 403
    assert world.connection_service.calls == []


async def test_the_address_of_a_link_is_told_to_nobody(world: World) -> None:
    world.connection_service.link("valid")
    page = await Browser(world).open("/r/valid")
    assert page.answer.headers["referrer-policy"] == "no-referrer"


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
