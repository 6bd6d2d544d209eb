"""The pages under `/m`: Settings > Integrations > software > login > pop-up confirmation."""

from datetime import timedelta

import pytest
from build_web_svc import (
    ANNA,
    BEN,
    NOW,
    SUCCESSOR,
    XERO,
    Browser,
    World,
    attempt,
    connection,
    expired,
    organisation,
    release,
    signed_in,
)

from web_svc.domain.people import Membership

INTEGRATIONS = "/m/settings/integrations"
XERO_PAGE = f"{INTEGRATIONS}/{XERO}"


async def test_the_path_on_a_phone_has_the_words_people_were_told(world: World) -> None:
    world.connection_service.connections = {}
    settings = await (await signed_in(world)).open("/m/settings")
    assert settings.labels("nav[aria-label=Main] a")[-1] == "Settings"
    integrations = await settings.follow("Integrations")
    software = await integrations.follow("Xero")
    leaving = await software.press("Connect")
    assert leaving.heading == "Opening Xero…"
    body = world.connection_service.calls[0].body
    assert (body["intent"], body["channel"]) == ("connect", "mobile")
    assert body["return_to"] == "http://localhost:8000/m/settings/integrations/new/organisation"


async def test_the_organisation_is_chosen_and_confirmed_in_a_pop_up(world: World) -> None:
    world.connection_service.attempts = {"att_1": attempt(organisation(expected=False), intent="connect")}
    choice = await (await signed_in(world)).open(f"{INTEGRATIONS}/new/organisation?attempt=att_1")
    sent = await choice.press("Next")
    assert sent.leads_to == f"{XERO_PAGE}/done"
    confirmed = await choice.browser.open(sent.leads_to)
    assert confirmed.labels("dialog[open] h1") == ["Connected to Demo Trading Ltd"]
    assert confirmed.href("OK") == XERO_PAGE


async def test_the_pop_up_says_what_still_needs_attention(world: World) -> None:
    began = (NOW - timedelta(minutes=1)).isoformat()
    world.connection_service.connections = {XERO: connection(connected_at=began)}
    world.publish_service.held = {"waiting": 0, "release": release(published=10, failed=2)}
    page = await (await signed_in(world)).open(f"{XERO_PAGE}/done")
    assert "10 published, 2 need your attention." in page.labels("dialog")[0]
    assert page.href("See items that still need attention (2)") == "/b/biz_demo/inbox?tab=failed"


async def test_a_member_sees_no_integrations_and_is_told_whom_to_ask(world: World) -> None:
    browser = await signed_in(world, BEN)
    settings = await browser.open("/m/settings")
    assert "Integrations" not in settings.labels("h2")
    page = await browser.open(INTEGRATIONS)
    assert (page.status, page.heading) == (403, "For administrators")
    assert "Your administrators: Anna Berg." in page.text


async def test_what_needs_a_login_is_on_top(world: World) -> None:
    broken = expired(connection_id="con_qb", provider="quickbooks")
    world.connection_service.connections = {XERO: connection(), "con_qb": broken}
    page = await (await signed_in(world)).open(INTEGRATIONS)
    assert page.labels("#integrations h2") == ["QuickBooks Online", "Xero"]
    assert page.labels("#integrations .pill") == ["Expired", "Connected"]
    assert page.href("Open the web app") == "/b/biz_demo/settings/connections"


async def test_reconnect_on_a_phone_leads_to_the_login_at_once_and_back_to_the_phones_pages(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    page = await (await signed_in(world)).open(XERO_PAGE)
    leaving = await page.press("Reconnect")
    assert leaving.heading == "Opening Xero…"
    body = world.connection_service.calls[0].body
    assert (body["intent"], body["channel"]) == ("reconnect", "mobile")
    assert body["return_to"] == f"http://localhost:8000{XERO_PAGE}/organisation"


@pytest.mark.parametrize(
    ("button", "leads_to"),
    [("Switch to Other Org Ltd and merge lists", f"{INTEGRATIONS}/{SUCCESSOR}/done"), ("Cancel", XERO_PAGE)],
)
async def test_a_mismatch_on_a_phone_is_settled_on_the_phone(world: World, button: str, leads_to: str) -> None:
    world.connection_service.connections = {XERO: expired()}
    world.connection_service.attempts = {"att_1": attempt(organisation("Other Org Ltd"))}
    page = await (await signed_in(world)).open(f"{XERO_PAGE}/organisation?attempt=att_1")
    assert (await page.press(button)).leads_to == leads_to


async def test_a_login_that_did_not_come_back_can_be_looked_for_again(world: World) -> None:
    world.connection_service.attempts = {"att_1": attempt(state="started")}
    page = await (await signed_in(world)).open(f"{XERO_PAGE}/organisation?attempt=att_1")
    assert page.href("Check again") == f"{XERO_PAGE}/organisation?attempt=att_1"
    assert page.href("Start again") == f"{XERO_PAGE}/reconnect"


async def test_the_supplier_warning_is_the_one_setting_of_a_phone(world: World) -> None:
    page = await (await signed_in(world)).open(XERO_PAGE)
    switch = page.soup.select_one("button[role=switch]")
    assert (switch["aria-checked"], switch["value"]) == ("true", "off")
    fields = {each["name"]: each["value"] for each in switch.find_parent("form").select("input")}
    sent = await page.browser.send(f"{XERO_PAGE}/warn-new-supplier", fields | {"warn": "off"})
    assert sent.leads_to == f"{XERO_PAGE}?said=settings.saved"
    settings = world.connection_service.connections[XERO]["settings"]
    assert (settings["warn_new_supplier"], settings["always_ask_organisation"]) == (False, True)


async def test_a_switch_that_somebody_else_was_faster_at_changes_nothing_and_says_so(world: World) -> None:
    page = await (await signed_in(world)).open(XERO_PAGE)
    world.connection_service.connections[XERO]["settings_version"] += 1
    form = page.soup.select_one("button[role=switch]").find_parent("form")
    fields = {each["name"]: each["value"] for each in form.select("input")}
    sent = await page.browser.send(f"{XERO_PAGE}/warn-new-supplier", fields | {"warn": "off"})
    assert "Somebody changed this meanwhile." in (await page.browser.open(sent.leads_to)).said
    assert world.connection_service.connections[XERO]["settings"]["warn_new_supplier"] is True


async def test_a_warning_that_the_software_cannot_give_is_not_there(world: World) -> None:
    world.connection_service.connections = {XERO: connection(provider="quickbooks")}
    page = await (await signed_in(world)).open(XERO_PAGE)
    assert page.soup.select("button[role=switch]") == []


async def test_integration_data_is_refreshed_from_a_phone(world: World) -> None:
    page = await (await signed_in(world)).open(XERO_PAGE)
    sent = await page.press("Refresh integration data")
    assert "Your lists are being refreshed." in (await page.browser.open(sent.leads_to)).said


async def test_somebody_of_no_business_is_told_so(world: World) -> None:
    page = await (await signed_in(world, "usr_nobody")).open("/m/settings")
    assert (page.status, page.heading) == (403, "No business yet")


async def test_another_businesss_connection_is_not_there(world: World) -> None:
    page = await (await signed_in(world)).open(f"{INTEGRATIONS}/con_of_others")
    assert (page.status, page.heading) == (404, "Nothing here")


async def several_businesses(world: World) -> Browser:
    """Anna administers another business, too."""
    for service in (world.connection_service, world.sync_service, world.publish_service):
        service.businesses.add("biz_second")
    world.memberships.remember(Membership("biz_second", ANNA, frozenset({"admin"})), sequence=1)
    return await signed_in(world)


async def test_somebody_of_several_businesses_chooses_one_and_goes_on_where_he_was(world: World) -> None:
    browser = await several_businesses(world)
    asked = await browser.open((await browser.open(f"{INTEGRATIONS}?said=x")).leads_to)
    assert asked.heading == "Choose a business"
    assert [each["value"] for each in asked.soup.select("input[type=radio]")] == ["biz_demo", "biz_second"]
    chosen = await asked.press("Continue", business="biz_demo")
    assert chosen.leads_to == f"{INTEGRATIONS}?said=x"
    assert (await browser.open(chosen.leads_to)).labels("#integrations .pill") == ["Connected", "Not connected"]


async def test_the_chosen_business_is_remembered_and_can_be_changed(world: World) -> None:
    browser = await several_businesses(world)
    for business in ("biz_second", "biz_demo"):
        await (await browser.open("/m/business")).press("Continue", business=business)
        page = await browser.open("/m/settings")
        assert business in page.text
        assert page.href("Business") == "/m/business"
        assert page.href("Inbox") == f"/b/{business}/inbox"


async def test_a_business_of_others_is_not_chosen_and_a_forgotten_one_is_asked_for_again(world: World) -> None:
    browser = await several_businesses(world)
    page = await browser.open("/m/business")
    assert (await page.press("Continue", business="biz_of_others")).status == 404
    await page.press("Continue", business="biz_second")
    world.memberships.forget(f"biz_second/{ANNA}", sequence=2)
    assert (await browser.open("/m/settings")).heading == "Settings", "one is left, and it is not asked"


async def test_an_address_from_outside_is_not_followed_after_the_choice(world: World) -> None:
    page = await (await several_businesses(world)).open("/m/business?back=https://evil.example/m/settings")
    assert page.fields("Continue")["back"] == ["/"]
    assert (await page.press("Continue", business="biz_demo", back="//evil.example/m/settings")).leads_to == "/"


async def test_software_that_is_for_the_web_only_is_not_offered_on_a_phone(world: World) -> None:
    browser = await signed_in(world)
    assert (await browser.open(INTEGRATIONS)).labels("#integrations h2") == ["Xero", "QuickBooks Online"]
    page = await browser.open(f"{INTEGRATIONS}/new/sage")
    assert "Sage Accounting cannot be connected on a phone. Use the web app." in page.text
    assert page.href("Open the web app") == "/b/biz_demo/settings/connections/new/sage"
    assert "Connect" not in page.labels("button")


async def test_a_connection_of_the_web_is_shown_on_a_phone_and_mended_on_the_web(world: World) -> None:
    world.connection_service.connections = {XERO: expired(provider="sage")}
    page = await (await signed_in(world)).open(XERO_PAGE)
    assert page.labels("h1") == ["Sage Accounting"]
    assert "Reconnect" not in page.labels("button")
    assert page.href("Open the web app") == f"/b/biz_demo/settings/connections/{XERO}"


@pytest.mark.parametrize(
    ("changes", "pill", "words"),
    [
        ({"consent_expires_at": (NOW + timedelta(days=6)).isoformat()}, "Expires in 6 days", "expires on 26 November"),
        ({"lifecycle": "expired"}, "Expired", "Your Xero connection has expired. 3 items are waiting to publish."),
        (
            {"lifecycle": "revoked", "ended_at": NOW.isoformat()},
            "Access removed",
            "Xero stopped sharing data with us on 20 November 2026.",
        ),
    ],
)
async def test_what_a_connection_needs_is_said_on_its_page_with_a_green_reconnect(
    world: World, changes: dict[str, str], pill: str, words: str
) -> None:
    world.connection_service.connections = {XERO: connection(**changes)}
    world.publish_service.held = {"waiting": 3, "release": None}
    page = await (await signed_in(world)).open(XERO_PAGE)
    assert (page.labels(".pill"), words in page.text) == ([pill], True)
    assert page.button("Reconnect")["data-kind"] == "go"


async def test_a_provider_in_trouble_asks_nothing_of_anybody(world: World) -> None:
    world.health.remember("xero", "degraded", sequence=1)
    page = await (await signed_in(world)).open(XERO_PAGE)
    assert page.labels(".pill") == ["Xero is having trouble"]
    assert "You do not need to do anything." in page.text


async def test_a_paused_provider_cannot_be_connected_or_reconnected_on_a_phone_either(world: World) -> None:
    world.connection_service.paused = {"xero"}
    browser = await signed_in(world)
    for path in (INTEGRATIONS, XERO_PAGE, f"{INTEGRATIONS}/new/xero"):
        page = await browser.open(path)
        assert "Xero connections are paused for maintenance." in page.text
        assert not {"Connect", "Reconnect"} & set(page.labels("button:not([disabled])"))
