"""Business settings > Connections > Manage, and who may see them."""

from datetime import timedelta

import pytest
from build_web_svc import (
    ANNA,
    BEN,
    BUSINESS,
    CARLA,
    NOW,
    SUCCESSOR,
    XERO,
    World,
    connection,
    expired,
    problem,
    signed_in,
)

from web_svc.domain.people import Membership

SETTINGS = "/b/biz_demo/settings"
CONNECTIONS = f"{SETTINGS}/connections"
MANAGE = f"{CONNECTIONS}/{XERO}"


@pytest.mark.parametrize("user_id", [ANNA, CARLA])
async def test_the_path_to_reconnect_has_the_words_people_were_told(world: World, user_id: str) -> None:
    world.connection_service.connections = {XERO: expired()}
    inbox = await (await signed_in(world, user_id)).open("/b/biz_demo/inbox")
    settings = await inbox.follow("Business settings")
    assert settings.heading == "Business settings"
    connections = await settings.follow("Connections")
    assert connections.heading == "Connections"
    manage = await connections.follow("Manage")
    assert manage.heading == "Xero"
    assert (await manage.press("Reconnect")).heading == "Opening Xero…"


@pytest.mark.parametrize(
    "path",
    [
        SETTINGS,
        CONNECTIONS,
        MANAGE,
        f"{MANAGE}/reconnect",
        f"{CONNECTIONS}/new/xero",
        f"{MANAGE}/done",
        f"{MANAGE}/settings",
        f"{MANAGE}/history",
        f"{MANAGE}/disconnect",
    ],
)
async def test_who_does_not_manage_connections_is_told_whom_to_ask(world: World, path: str) -> None:
    page = await (await signed_in(world, BEN)).open(path)
    assert (page.status, page.heading) == (403, "For administrators")
    assert "Only administrators can manage connections. Your administrators: Anna Berg." in page.text
    assert page.href("Ask for access").startswith("mailto:anna@demo.example?")
    assert "Business settings" not in page.labels("a")


async def test_the_card_of_connections_carries_the_worst_pill(world: World) -> None:
    world.connection_service.connections = {"con_2": connection(connection_id="con_2"), XERO: expired()}
    page = await (await signed_in(world)).open(SETTINGS)
    assert page.labels(".card-link .pill")[0] == "Expired"


async def test_settings_without_a_page_yet_say_so_and_lead_nowhere(world: World) -> None:
    page = await (await signed_in(world)).open(SETTINGS)
    names = ["Connections", "Extraction", "Automation", "Users", "Notifications", "Webhooks"]
    assert page.labels(".card-link h2") == names
    assert page.labels(".card-link h2 a") == names[:1]


async def test_without_a_connection_there_is_one_thing_to_do(world: World) -> None:
    world.connection_service.connections = {}
    page = await (await signed_in(world)).open(CONNECTIONS)
    assert "No accounting software connected yet." in page.text
    assert page.href("Connect software") == "#available"
    assert page.labels("#available h3") == ["Xero", "QuickBooks Online", "Sage Accounting"]


@pytest.mark.parametrize(
    ("changes", "pill"),
    [
        ({}, "Connected"),
        ({"consent_expires_at": (NOW + timedelta(days=6)).isoformat()}, "Expires in 6 days"),
        ({"consent_expires_at": (NOW + timedelta(hours=5)).isoformat()}, "Expires in 1 day"),
        ({"lifecycle": "expired"}, "Expired"),
        ({"lifecycle": "revoked"}, "Access removed"),
        ({"lifecycle": "pending", "organisation_name": None}, "Finish connecting"),
    ],
)
async def test_a_connections_state_is_said_in_words(world: World, changes: dict[str, str], pill: str) -> None:
    world.connection_service.connections = {XERO: connection(**changes)}
    page = await (await signed_in(world)).open(CONNECTIONS)
    assert page.labels("#connections .pill") == [pill]


async def test_lists_on_their_way_are_shown_as_such(world: World) -> None:
    world.sync_service.status["open_sync_id"] = "syn_2"
    page = await (await signed_in(world)).open(CONNECTIONS)
    assert page.labels("#connections .pill") == ["Updating lists…"]


async def test_software_that_is_connected_is_not_offered_again(world: World) -> None:
    page = await (await signed_in(world)).open(CONNECTIONS)
    assert page.labels("#available h3") == ["QuickBooks Online", "Sage Accounting"]


async def test_ended_connections_stand_apart_and_can_be_viewed(world: World) -> None:
    world.connection_service.connections["con_old"] = connection(connection_id="con_old", lifecycle="disconnected")
    page = await (await signed_in(world)).open(CONNECTIONS)
    assert page.labels("#connections .pill") == ["Connected"]
    assert page.labels("details .pill") == ["Disconnected"]
    assert (await page.follow("View")).labels(".pill") == ["Disconnected"]


async def test_a_replaced_connection_says_by_what(world: World) -> None:
    world.connection_service.connections["con_old"] = connection(
        connection_id="con_old", provider="quickbooks", lifecycle="replaced", replaced_by_connection_id=XERO
    )
    page = await (await signed_in(world)).open(CONNECTIONS)
    assert page.labels("details .pill") == ["Replaced by Xero"]


async def test_until_lists_are_merged_the_successor_says_which_rules_pause(world: World) -> None:
    world.connection_service.connections[SUCCESSOR] = connection(connection_id=SUCCESSOR, replaces_connection_id=XERO)
    page = await (await signed_in(world)).open(f"{CONNECTIONS}/{SUCCESSOR}")
    assert "7 rules pause until they are matched to the new lists." in page.labels(".notice .text")


async def test_a_connection_the_other_services_have_not_heard_of_yet_is_shown_all_the_same(world: World) -> None:
    world.publish_service.held = problem(404, "connection_unknown")
    world.sync_service.status = problem(404, "not_found")
    page = await (await signed_in(world)).open(MANAGE)
    assert page.status == 200
    assert "Lists updated Not yet Waiting to publish 0 items" in page.text


async def test_manage_shows_the_facts_and_what_happened_last(world: World) -> None:
    world.connection_service.connections = {XERO: connection(generation=2)}
    at = (NOW - timedelta(days=200)).isoformat()
    world.connection_service.history = [
        {
            "at": NOW.isoformat(),
            "what": "expired",
            "by": None,
            "detail": "reason: consent lapsed, detected by: refresh",
        },
        {"at": at, "what": "connected", "by": ANNA, "detail": "intent: connect, channel: web, later: known"},
        {"at": at, "what": "something_of_next_year", "by": "connection-svc", "detail": None},
    ]
    page = await (await signed_in(world)).open(MANAGE)
    assert "Expires on 4 May 2027" in page.text
    assert "Automation rules 7" in page.text
    assert "Connected by Anna Berg First connected 4 May 2026" in page.text
    assert "Last reconnected 4 May 2026" in page.text
    assert "Permissions granted (3) offline_access" in page.text
    assert page.labels(".timeline .what") == ["Expired", "Connected", "Something of next year"]
    assert page.labels(".timeline .about") == [
        "20 Nov 2026, 09:30 UTC · the year was over",
        "4 May 2026, 09:30 UTC · by Anna Berg · on the web · later: known",
        "4 May 2026, 09:30 UTC",
    ]


async def test_manage_offers_what_can_be_done_by_the_words_people_were_told(world: World) -> None:
    page = await (await signed_in(world)).open(MANAGE)
    assert page.labels(".menu li") == [
        "Refresh integration data",
        "Send a reconnect link",
        "Change connection",
        "Disconnect",
    ]
    assert page.labels("[aria-label=Xero] a") == ["Overview", "Settings", "History"]


async def test_an_expired_connection_cannot_be_refreshed_but_changed_and_left(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    page = await (await signed_in(world)).open(MANAGE)
    assert page.labels(".menu li") == ["Send a reconnect link", "Change connection", "Disconnect"]


async def test_history_tells_everything_and_why_the_connection_stands_so(world: World) -> None:
    world.connection_service.explanation = {"why": "The yearly consent ended.", "next": "Log in again."}
    world.connection_service.history = [{"at": NOW.isoformat(), "what": "connected", "by": ANNA}] * 60
    first = await (await (await signed_in(world)).open(MANAGE)).follow("History")
    assert "The yearly consent ended. What happens next: Log in again." in first.text
    assert len(first.labels(".timeline .what")) == 50
    second = await first.follow("Earlier")
    assert len(second.labels(".timeline .what")) == 10
    assert "Earlier" not in second.labels("a")


async def test_where_access_was_removed_its_day_is_told_in_place_of_the_years_end(world: World) -> None:
    removed = connection(lifecycle="revoked", ended_at=(NOW - timedelta(days=1)).isoformat())
    world.connection_service.connections = {XERO: removed}
    for path in (CONNECTIONS, MANAGE, f"/m/settings/integrations/{XERO}"):
        page = await (await signed_in(world)).open(path)
        assert "Access removed on 19 November 2026" in page.text
        assert "Expires on" not in page.text


async def test_an_expired_connection_is_explained_and_its_reconnect_is_green(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    world.connection_service.explanation = {"why": "The yearly consent ended.", "next": "Log in again."}
    page = await (await signed_in(world)).open(MANAGE)
    assert "The yearly consent ended. Log in again." in page.text
    assert [button.text.strip() for button in page.soup.select("#connection button[data-kind=go]")] == ["Reconnect"]
    assert "Your settings and automation rules stay exactly as they are." in page.text


async def test_a_connection_that_works_can_be_reconnected_but_does_not_shout(world: World) -> None:
    page = await (await signed_in(world)).open(MANAGE)
    reconnect = page.soup.select_one("#connection form[action$='/reconnect'] button")
    assert (reconnect.text.strip(), reconnect.get("data-variant")) == ("Reconnect", "outline")


async def test_a_disconnected_connection_offers_no_reconnect(world: World) -> None:
    world.connection_service.connections = {XERO: connection(lifecycle="disconnected")}
    page = await (await signed_in(world)).open(MANAGE)
    assert "Reconnect" not in page.labels("a, button")


async def test_integration_data_is_refreshed_on_request(world: World) -> None:
    manage = await (await signed_in(world)).open(MANAGE)
    sent = await manage.press("Refresh integration data")
    assert sent.leads_to == f"{MANAGE}?said=lists.asked"
    assert "Your lists are being refreshed." in (await manage.browser.open(sent.leads_to)).said


async def test_lists_that_were_read_a_moment_ago_are_not_read_again(world: World) -> None:
    world.sync_service.refresh_answer = problem(429, "cooling_down")
    manage = await (await signed_in(world)).open(MANAGE)
    sent = await manage.press("Refresh integration data")
    assert "refreshed a moment ago" in (await manage.browser.open(sent.leads_to)).said


async def test_connect_leaves_for_the_providers_login_and_says_where_to_come_back(world: World) -> None:
    world.connection_service.connections = {}
    connections = await (await signed_in(world)).open(CONNECTIONS)
    before = await connections.follow("Connect")
    assert before.heading == "Connect Xero"
    leaving = await before.press("Connect software")
    assert leaving.answer.headers["refresh"] == f"0; url={world.connection_service.start_url}"
    assert leaving.href("Continue to Xero") == world.connection_service.start_url
    assert world.connection_service.calls[0].body == {
        "provider": "xero",
        "intent": "connect",
        "connection_id": None,
        "channel": "web",
        "return_to": "http://localhost:8000/b/biz_demo/settings/connections/new/organisation",
        "browser_binding": leaving.binding.fingerprint,
        "take_over": False,
    }


async def test_connecting_again_finishes_what_was_begun(world: World) -> None:
    world.connection_service.connections = {XERO: connection(lifecycle="pending", organisation_name=None)}
    connections = await (await signed_in(world)).open(CONNECTIONS)
    await (await connections.follow("Continue")).press("Connect software")
    assert world.connection_service.calls[0].body["connection_id"] == XERO


async def test_unknown_software_has_no_page(world: World) -> None:
    page = await (await signed_in(world)).open(f"{CONNECTIONS}/new/abacus")
    assert (page.status, page.heading) == (404, "Nothing here")


async def test_a_page_is_called_by_what_it_is_where_it_is_and_whose_it_is(world: World) -> None:
    browser = await signed_in(world)
    titles = {
        f"{MANAGE}/reconnect": "Reconnect Xero, Connections, biz_demo",
        MANAGE: "Xero, Connections, biz_demo",
        CONNECTIONS: "Connections, Business settings, biz_demo",
        "/m/settings/integrations": "Integrations, biz_demo",
    }
    assert {path: (await browser.open(path)).title for path in titles} == titles


async def test_a_business_without_an_administrator_is_its_accountants_to_manage(world: World) -> None:
    world.memberships.forget(f"{BUSINESS}/{ANNA}", sequence=2)
    linked = Membership(BUSINESS, CARLA, frozenset({"accountant"}), is_linked_accountant=True)
    world.memberships.remember(linked, sequence=2)
    for path in (CONNECTIONS, "/m/settings/integrations/new/xero"):
        page = await (await signed_in(world, BEN)).open(path)
        assert page.status == 403
        assert "Your accountant manages this: Carla Reyes." in page.text
        assert page.href("Ask for access").startswith("mailto:carla@demo.example?")


@pytest.fixture
def paused(world: World) -> World:
    """An operator has paused Xero."""
    world.connection_service.paused = {"xero"}
    return world


WHY = "Xero connections are paused for maintenance."


async def test_what_an_operator_has_paused_can_be_neither_connected_nor_reconnected_and_says_why(paused: World) -> None:
    browser = await signed_in(paused)
    for connections, label in (({}, "Connect"), ({XERO: expired()}, "Reconnect")):
        paused.connection_service.connections = connections
        page = await browser.open(CONNECTIONS)
        [button] = page.soup.select("button[disabled]")
        assert (button.text.strip(), button["aria-describedby"]) == (label, "paused-xero")
        assert WHY in page.labels("#paused-xero")[0]
        assert not page.soup.select("a[href$='/reconnect'], a[href$='/new/xero']")


async def test_a_connection_begun_while_its_provider_is_paused_waits(paused: World) -> None:
    paused.connection_service.connections = {XERO: connection(lifecycle="pending", organisation_name=None)}
    page = await (await signed_in(paused)).open(CONNECTIONS)
    assert [button.text.strip() for button in page.soup.select("button[disabled]")] == ["Continue", "Connect"]
    assert "Continue" not in page.labels("a")


async def test_a_connection_of_a_paused_provider_is_managed_as_ever_but_for_its_login(paused: World) -> None:
    page = await (await signed_in(paused)).open(MANAGE)
    assert page.labels(".pill")[0] == "Connected"
    assert [button.text.strip() for button in page.soup.select("button[disabled]")] == ["Reconnect"]
    assert WHY in page.text
    assert page.href("Disconnect")


@pytest.mark.parametrize("path", [f"{MANAGE}/reconnect", f"{CONNECTIONS}/new/xero", f"{MANAGE}/change/xero"])
async def test_a_page_that_leads_to_a_paused_login_says_so_instead(paused: World, path: str) -> None:
    page = await (await signed_in(paused)).open(path)
    assert (page.heading, WHY in page.text) == ("Xero is paused", True)
    assert page.labels("main form button") == []


async def test_a_login_that_was_paused_a_moment_ago_is_refused_in_words(world: World) -> None:
    before = await (await signed_in(world)).open(f"{MANAGE}/reconnect")
    world.connection_service.paused = {"xero"}
    refused = await before.press("Continue to Xero")
    assert (refused.status, refused.heading) == (409, "Xero is paused")


async def test_the_end_of_a_pause_is_noticed_within_seconds(paused: World) -> None:
    browser = await signed_in(paused)
    assert (await browser.open(f"{MANAGE}/reconnect")).heading == "Xero is paused"
    paused.connection_service.paused = set()
    paused.system_clock.advance(timedelta(seconds=10))
    assert (await browser.open(f"{MANAGE}/reconnect")).heading == "Reconnect to Demo Trading Ltd"


async def test_the_banner_of_a_paused_provider_leads_nowhere_and_says_why(paused: World) -> None:
    paused.connection_service.connections = {XERO: expired()}
    page = await (await signed_in(paused)).open("/b/biz_demo/inbox")
    assert "Your Xero connection has expired." in page.banner
    assert WHY in page.banner
    assert page.soup.select("#banner button, #banner a") == []
