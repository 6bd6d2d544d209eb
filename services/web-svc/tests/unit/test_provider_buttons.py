"""The addresses that the providers' own buttons lead to."""

import pytest
from build_web_svc import BEN, XERO, Browser, World, connection, expired, signed_in

OTHER = "con_0192f0c1other"
SETTINGS = "/b/biz_demo/settings/connections"


@pytest.fixture
def two(world: World) -> World:
    """Two working Xero connections, and one to other software that is broken."""
    other = connection(connection_id=OTHER, organisation_id="realm-2", organisation_name="Second Ltd")
    books = expired(connection_id="con_books", provider="quickbooks")
    world.connection_service.connections = {XERO: connection(), OTHER: other, "con_books": books}
    return world


async def test_reconnect_leads_to_the_only_broken_connection(two: World) -> None:
    two.connection_service.connections[OTHER] |= {"lifecycle": "revoked"}
    page = await (await signed_in(two)).open("/connect/xero/reconnect")
    assert page.leads_to == f"{SETTINGS}/{OTHER}/reconnect"


async def test_where_none_or_several_are_broken_reconnect_shows_the_choice(two: World) -> None:
    page = await (await signed_in(two)).open("/connect/xero/reconnect")
    assert (page.status, page.heading) == (200, "Reconnect Xero")
    assert page.labels("h2") == ["Demo Trading Ltd", "Second Ltd"]
    assert [each["href"] for each in page.soup.select("a[data-kind=go]")] == [
        f"{SETTINGS}/{XERO}/reconnect",
        f"{SETTINGS}/{OTHER}/reconnect",
    ]
    assert two.connection_service.calls == []


async def test_disconnected_believes_nobody_and_has_every_connection_looked_into(two: World) -> None:
    page = await (await signed_in(two)).open("/connect/xero/disconnected")
    assert (page.status, page.heading) == (200, "Xero was disconnected")
    assert sorted(call.path for call in two.connection_service.calls) == sorted(
        f"/api/v1/connections/{each}/check" for each in (XERO, OTHER)
    )


async def test_where_the_provider_names_the_organisation_only_that_one_is_looked_into(two: World) -> None:
    await (await signed_in(two)).open("/connect/xero/disconnected?realmId=realm-2")
    assert [call.path for call in two.connection_service.calls] == [f"/api/v1/connections/{OTHER}/check"]


@pytest.mark.parametrize("button", ["reconnect", "disconnected"])
async def test_somebody_who_manages_nothing_is_shown_nothing(two: World, button: str) -> None:
    page = await (await signed_in(two, BEN)).open(f"/connect/xero/{button}")
    assert "You manage no such connection here." in page.text
    assert (page.labels("h2"), two.connection_service.calls) == ([], [])


@pytest.mark.parametrize("button", ["reconnect", "disconnected"])
async def test_signing_in_comes_first_and_leads_back(two: World, button: str) -> None:
    page = await Browser(two).open(f"/connect/xero/{button}")
    assert page.leads_to.startswith("/sign-in?")
    assert f"connect%2Fxero%2F{button}" in page.leads_to or f"connect/xero/{button}" in page.leads_to


async def test_software_that_we_do_not_know_has_no_page(two: World) -> None:
    page = await (await signed_in(two)).open("/connect/abacus/reconnect")
    assert page.status == 404
