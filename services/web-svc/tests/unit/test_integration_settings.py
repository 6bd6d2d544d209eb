"""Integration settings: sections saved one by one, never over somebody else's change."""

from datetime import timedelta

import pytest
from build_web_svc import BEN, CARLA, NOW, XERO, Seen, World, connection, signed_in

SETTINGS = f"/b/biz_demo/settings/connections/{XERO}/settings"


async def opened(world: World) -> Seen:
    return await (await signed_in(world)).open(SETTINGS)


def switched_on(page: Seen) -> list[str]:
    return [each["name"] for each in page.soup.select("input[role=switch][checked]")]


async def test_manage_leads_to_the_settings_as_they_are(world: World) -> None:
    manage = await (await signed_in(world)).open(SETTINGS.removesuffix("/settings"))
    page = await manage.follow("Settings")
    assert switched_on(page) == ["warn_new_supplier", "always_ask_organisation"]
    assert page.soup.select_one("option[selected]").text == "Awaiting payment"


async def test_a_section_is_saved_by_itself_over_the_version_that_was_seen(world: World) -> None:
    page = await opened(world)
    saved = await page.browser.send(f"{SETTINGS}/general", page.fields("Save") | {"auto_publish": "on"})
    assert saved.leads_to == f"{SETTINGS}?saved=general"
    settings = world.connection_service.connections[XERO]["settings"]
    assert settings == {
        "warn_new_supplier": True,
        "always_ask_organisation": True,
        "auto_publish": True,
        "default_destination": "awaiting_payment",
    }
    assert "Saved." in (await page.browser.open(saved.leads_to)).said


async def test_a_switch_that_is_off_is_saved_as_off(world: World) -> None:
    page = await opened(world)
    fields = page.fields("Save")
    del fields["warn_new_supplier"]
    await page.browser.send(f"{SETTINGS}/general", fields)
    assert world.connection_service.connections[XERO]["settings"]["warn_new_supplier"] is False


@pytest.mark.parametrize(("chosen", "destination"), [("draft", "draft"), ("", None)])
async def test_the_destination_of_costs_is_saved_alone(world: World, chosen: str, destination: str | None) -> None:
    page = await opened(world)
    await page.browser.send(f"{SETTINGS}/costs", page.fields("Save") | {"default_destination": chosen})
    settings = world.connection_service.connections[XERO]["settings"]
    assert (settings["default_destination"], settings["warn_new_supplier"]) == (destination, True)


async def test_somebody_elses_change_is_shown_and_not_written_over(world: World) -> None:
    page = await opened(world)
    theirs = world.connection_service.connections[XERO]
    theirs["settings"] |= {"always_ask_organisation": False}
    theirs["settings_version"] += 1
    at = (NOW - timedelta(minutes=2)).isoformat()
    world.connection_service.history = [{"at": at, "what": "settings_changed", "by": CARLA, "detail": None}]
    sent = await page.browser.send(f"{SETTINGS}/general", page.fields("Save") | {"auto_publish": "on"})
    assert sent.status == 412
    alert = " ".join(sent.soup.select_one("[role=alert]").text.split())
    assert alert.startswith("Carla Reyes changed this 2 minutes ago. Nothing of yours was saved.")
    assert switched_on(sent) == ["warn_new_supplier"]
    assert theirs["settings"]["auto_publish"] is False
    again = await sent.browser.send(f"{SETTINGS}/general", sent.fields("Save") | {"auto_publish": "on"})
    assert again.status == 303


async def test_a_warning_that_the_software_cannot_give_is_disabled_with_the_reason(world: World) -> None:
    world.connection_service.connections[XERO] = connection(provider="quickbooks")
    page = await opened(world)
    assert [each["name"] for each in page.soup.select("input[disabled]")] == ["warn_new_supplier"]
    assert "QuickBooks Online cannot tell us which suppliers it has" in page.text


async def test_a_member_changes_no_settings(world: World) -> None:
    fields = (await opened(world)).fields("Save")
    bens = await signed_in(world, BEN)
    own = (await bens.open("/b/biz_demo/inbox")).soup.select_one("[name=form_token]")["value"]
    sent = await bens.send(f"{SETTINGS}/general", fields | {"form_token": own})
    assert (sent.status, sent.heading) == (403, "For administrators")
    assert world.connection_service.calls == []
