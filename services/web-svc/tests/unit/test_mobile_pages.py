"""The pages under `/m`: Settings > Integrations > software > login > pop-up confirmation."""

import pytest
from build_web_svc import BEN, SUCCESSOR, XERO, World, attempt, connection, expired, organisation, signed_in

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
