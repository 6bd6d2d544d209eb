"""Leaving a provider."""

import pytest
from build_web_svc import XERO, Seen, World, connection, signed_in

MANAGE = f"/b/biz_demo/settings/connections/{XERO}"


async def opened(world: World) -> Seen:
    return await (await (await signed_in(world)).open(MANAGE)).follow("Disconnect")


async def test_what_leaving_means_is_said_first(world: World) -> None:
    world.publish_service.held = {"waiting": 3, "release": None}
    page = await opened(world)
    assert page.heading == "Disconnect Demo Trading Ltd"
    assert "3 items are waiting and stay here until you connect again." in page.text
    assert "Your 7 automation rules are kept" in page.text
    assert "We give our access back to Xero, and nobody here can use it again." in page.text
    assert page.href("Cancel") == MANAGE


@pytest.mark.parametrize(("choice", "keep"), [("keep", True), ("clear", False)])
async def test_lists_are_kept_or_cleared_as_chosen(world: World, choice: str, keep: bool) -> None:
    page = await opened(world)
    await page.press("Disconnect", lists=choice, organisation_name="demo trading ltd ")
    [call] = world.connection_service.calls
    assert (call.path, call.body) == (f"/api/v1/connections/{XERO}/disconnect", {"keep_lists": keep})


async def test_nobody_loses_lists_by_choosing_nothing(world: World) -> None:
    page = await opened(world)
    await page.press("Disconnect", organisation_name="Demo Trading Ltd")
    assert world.connection_service.calls[0].body == {"keep_lists": True}


async def test_where_rules_hang_on_it_the_wrong_name_changes_nothing(world: World) -> None:
    sent = await (await opened(world)).press("Disconnect", organisation_name="Demo")
    assert sent.status == 422
    assert "That is not the name of the organisation. Nothing has changed." in sent.soup.select_one("[role=alert]").text
    assert world.connection_service.calls == []


async def test_without_rules_nothing_has_to_be_typed(world: World) -> None:
    world.list_service.rules = 0
    sent = await (await opened(world)).press("Disconnect")
    assert sent.leads_to == f"{MANAGE}?said=left.given_back"


@pytest.mark.parametrize(
    ("access", "words"),
    [
        ("given_back", "Disconnected. Xero has taken our access back."),
        ("not_yet", "Disconnected. We could not tell Xero yet and keep trying."),
        ("not_possible", "Disconnected. Xero lets only you take our access back: remove it there as well."),
    ],
)
async def test_what_became_of_our_access_is_said(world: World, access: str, words: str) -> None:
    world.connection_service.becomes_of_access = access
    page = await opened(world)
    sent = await page.press("Disconnect", organisation_name="Demo Trading Ltd")
    manage = await page.browser.open(sent.leads_to)
    assert words in manage.said
    assert "Reconnect" not in manage.labels("a, button")


async def test_an_ended_connection_cannot_be_left_again(world: World) -> None:
    world.connection_service.connections = {XERO: connection(lifecycle="disconnected")}
    page = await (await signed_in(world)).open(f"{MANAGE}/disconnect")
    assert page.leads_to == MANAGE
