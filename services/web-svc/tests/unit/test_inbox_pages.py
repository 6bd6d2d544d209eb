"""The inbox and an item, as people meet them."""

from datetime import timedelta

import pytest
from build_web_svc import ANNA, BEN, NOW, XERO, World, connection, expired, item, signed_in

INBOX = "/b/biz_demo/inbox"


async def test_the_start_is_the_inbox_of_the_first_business(world: World) -> None:
    browser = await signed_in(world)
    assert (await browser.open("/")).leads_to == INBOX


async def test_tabs_count_what_they_hold(world: World) -> None:
    statuses = ["review", "ready", "ready", "held", "queued", "publishing", "uncertain", "failed", "published"]
    world.publish_service.items = [item(n, status=status) for n, status in enumerate(statuses)]
    page = await (await signed_in(world)).open(INBOX)
    tabs = page.labels("nav[aria-label='Items by status'] a")
    assert tabs == ["To review 1", "Ready 2", "Waiting 4", "Failed 1", "Published 1"]


async def test_an_empty_inbox_says_what_will_come(world: World) -> None:
    page = await (await signed_in(world)).open(INBOX)
    assert "Nothing to publish yet. New items appear here as soon as they are read." in page.text


async def test_an_empty_tab_beside_full_ones_does_not_claim_that_nothing_came_yet(world: World) -> None:
    world.publish_service.items = [item(status="published")]
    page = await (await signed_in(world)).open(f"{INBOX}?tab=failed")
    assert "Nothing here right now." in page.text


async def test_a_refused_item_shows_the_providers_words(world: World) -> None:
    world.publish_service.items = [item(status="failed", reason="other", provider_message="Account 429 is archived")]
    page = await (await signed_in(world)).open(f"{INBOX}?tab=failed")
    assert "Failed" in page.labels(".pill")
    assert "Xero refused this item. It said: “Account 429 is archived”." in page.text


async def test_waiting_items_are_grouped_under_what_they_wait_for(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    world.publish_service.items = [item(n, status="held", reason="connection_expired") for n in range(12)]
    world.publish_service.held = {"waiting": 12, "release": None}
    page = await (await signed_in(world)).open(f"{INBOX}?tab=waiting")
    assert "12 items are waiting for Xero. Reconnect" in page.text
    assert page.text.count("Waiting: the Xero connection has expired") == 12


async def test_a_member_sees_why_items_wait_but_no_way_to_reconnect(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    world.publish_service.held = {"waiting": 12, "release": None}
    page = await (await signed_in(world, BEN)).open(f"{INBOX}?tab=waiting")
    assert "12 items are waiting for Xero." in page.text
    assert "Reconnect" not in page.labels("a")
    assert page.labels("nav[aria-label=Main] a") == ["Inbox"]


async def test_publish_without_javascript_comes_back_to_the_tab(world: World) -> None:
    world.publish_service.items = [item(1)]
    page = await (await signed_in(world)).open(f"{INBOX}?tab=ready")
    sent = await page.press("Publish")
    assert (sent.status, sent.leads_to) == (303, f"{INBOX}?tab=ready")
    assert world.publish_service.items[0]["status"] == "queued"


async def test_publish_with_htmx_swaps_the_list_in_place(world: World) -> None:
    world.publish_service.items = [item(1)]
    page = await (await signed_in(world)).open(f"{INBOX}?tab=ready")
    swapped = await page.press("Publish", htmx=True)
    assert swapped.soup.select_one("html") is None
    assert swapped.labels("#items .notice") == ["1 item sent to publish."]


async def test_a_form_pressed_twice_sends_the_same_idempotency_key(world: World) -> None:
    world.publish_service.items = [item(1)]
    page = await (await signed_in(world)).open(f"{INBOX}?tab=ready")
    await page.press("Publish")
    await page.press("Publish")
    first, second = world.publish_service.calls
    assert first.key == second.key
    assert first.key


async def test_the_page_loaded_anew_brings_a_new_idempotency_key(world: World) -> None:
    world.publish_service.items = [item(1, status="failed")]
    browser = await signed_in(world)
    keys = set()
    for _ in range(2):
        world.publish_service.items[0]["status"] = "failed"
        await (await browser.open(f"{INBOX}?tab=failed")).press("Retry")
        keys.add(world.publish_service.calls[-1].key)
    assert len(keys) == 2


async def test_calls_speak_for_the_person_who_looks(world: World) -> None:
    world.publish_service.items = [item(1)]
    await (await (await signed_in(world, BEN)).open(f"{INBOX}?tab=ready")).press("Publish")
    by = world.publish_service.calls[0].by
    assert (by.audience, by.user_id, by.business_id, by.role) == ("publish-svc", BEN, "biz_demo", "member")


async def test_all_ready_items_publish_with_one_press_in_the_order_shown(world: World) -> None:
    world.publish_service.items = [item(n) for n in (3, 1, 2)]
    page = await (await signed_in(world)).open(f"{INBOX}?tab=ready")
    await page.press("Publish 3 items")
    assert world.publish_service.calls[0].body == {"ids": ["itm_0003", "itm_0001", "itm_0002"]}


async def test_a_live_refresh_brings_the_list_alone(world: World) -> None:
    page = await (await signed_in(world)).open(f"{INBOX}?tab=ready&part=items")
    assert page.soup.select_one("html") is None
    assert page.soup.select_one("#items") is not None


async def test_an_item_shows_its_facts_its_problem_and_its_history(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    world.publish_service.items = [item(1, status="held", reason="connection_expired")]
    earlier = (NOW - timedelta(hours=1)).isoformat()
    world.publish_service.history = [
        {"at": earlier, "what": "failed", "detail": "connection_expired"},
        {"at": earlier, "what": "held", "detail": "connection_expired"},
    ]
    page = await (await signed_in(world)).open("/b/biz_demo/items/itm_0001")
    assert page.heading == "Harbour Coffee Co"
    assert "Waiting: the Xero connection has expired" in page.text
    assert "GBP 49.40" in page.text
    assert page.labels(".timeline .what") == ["Waiting", "Not published"]


async def test_an_item_offers_a_reconnect_only_where_that_would_help(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    browser = await signed_in(world)
    for reason, offered in (("connection_expired", True), ("category_missing", False)):
        world.publish_service.items = [item(1, status="failed", reason=reason)]
        page = await browser.open("/b/biz_demo/items/itm_0001")
        assert ("Reconnect" in page.labels("#item button")) is offered


async def test_an_item_can_be_published_from_its_own_page(world: World) -> None:
    world.publish_service.items = [item(1)]
    page = await (await signed_in(world)).open("/b/biz_demo/items/itm_0001")
    assert (await page.press("Publish")).leads_to == "/b/biz_demo/items/itm_0001"


async def test_the_banner_is_the_worst_of_all_connections(world: World) -> None:
    soon = connection(connection_id="con_2", consent_expires_at=(NOW + timedelta(days=5)).isoformat())
    world.connection_service.connections = {"con_2": soon, XERO: expired()}
    world.publish_service.held = {"waiting": 12, "release": None}
    page = await (await signed_in(world)).open(INBOX)
    assert page.banner == (
        "Your Xero connection has expired. 12 items are waiting to publish. "
        "Reconnect and we will send them for you. 1 more connection needs attention. Reconnect"
    )


@pytest.mark.parametrize("path", [INBOX, "/b/biz_demo/inbox?tab=waiting", "/b/biz_demo/items/itm_0001"])
async def test_from_whatever_tells_of_the_expiry_one_press_leads_to_the_providers_login(
    world: World, path: str
) -> None:
    world.connection_service.connections = {XERO: expired()}
    world.publish_service.items = [item(1, status="held", reason="connection_expired")]
    world.publish_service.held = {"waiting": 1, "release": None}
    page = await (await signed_in(world)).open(path)
    leaving = await page.press("Reconnect")
    assert leaving.answer.headers["refresh"] == f"0; url={world.connection_service.start_url}"
    [call] = world.connection_service.calls
    assert call.body["return_to"].endswith(f"/settings/connections/{XERO}/organisation?from=inbox")


async def test_a_revoked_connection_is_told_apart_from_an_expired_one(world: World) -> None:
    world.connection_service.connections = {XERO: expired(lifecycle="revoked")}
    page = await (await signed_in(world)).open(INBOX)
    assert page.banner.startswith("Xero stopped sharing data with us on 19 November 2026.")


async def test_an_end_that_is_near_is_told_with_its_date(world: World) -> None:
    ends = (NOW + timedelta(days=6)).isoformat()
    world.connection_service.connections = {XERO: connection(consent_expires_at=ends)}
    page = await (await signed_in(world)).open(INBOX)
    assert page.banner.startswith("Your Xero connection expires on 26 November 2026.")
    assert "Reconnect now" in page.labels("#banner button")


async def test_a_provider_in_trouble_asks_nothing_of_anybody(world: World) -> None:
    world.health.remember("xero", "degraded", sequence=1)
    page = await (await signed_in(world)).open(INBOX)
    assert page.banner.startswith("Xero is not answering right now.")
    assert page.labels("#banner a") == []


async def test_a_member_is_told_to_ask_an_administrator(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    page = await (await signed_in(world, BEN)).open(INBOX)
    assert page.banner.startswith("The Xero connection has expired. You need an administrator to reconnect it.")
    asked = await page.press("Ask an admin to reconnect")
    assert asked.heading == "Your administrators know"
    assert "We have asked Anna Berg to reconnect Xero." in asked.text
    [call] = world.connection_service.calls
    assert (call.path, call.by.user_id) == (f"/api/v1/connections/{XERO}/ask-admin", BEN)


async def test_administrators_who_were_asked_today_are_not_told_again(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    world.connection_service.asked_at = NOW - timedelta(hours=2)
    page = await (await signed_in(world, BEN)).open(INBOX)
    asked = await page.press("Ask an admin to reconnect")
    assert "Anna Berg knew already: they were asked 2 hours ago." in asked.text


async def test_a_member_hears_of_an_end_that_is_near_on_its_last_day_and_can_write_to_an_administrator(
    world: World,
) -> None:
    ends = (NOW + timedelta(hours=20)).isoformat()
    world.connection_service.connections = {XERO: connection(consent_expires_at=ends)}
    page = await (await signed_in(world, BEN)).open(INBOX)
    assert page.href("Ask an admin to reconnect").startswith("mailto:anna@demo.example?subject=Please%20reconnect")


async def test_no_page_fails_for_its_banner(world: World) -> None:
    world.publish_service.items = [item(1)]
    browser = await signed_in(world)
    await browser.open(INBOX)
    world.connection_service.is_down = True
    page = await browser.open("/b/biz_demo/banner")
    assert (page.status, page.banner) == (200, "")


async def test_a_service_that_does_not_answer_is_told_with_a_way_on(world: World) -> None:
    world.publish_service.is_down = True
    page = await (await signed_in(world)).open(INBOX)
    assert (page.status, page.heading) == (503, "Not available just now")
    assert page.href("Try again") == INBOX


async def test_a_name_that_cannot_be_looked_up_does_not_keep_a_page_from_opening(world: World) -> None:
    page = await (await signed_in(world, ANNA)).open(INBOX)
    assert page.labels(".person .name") == ["Anna Berg"]
    unknown = World()
    unknown.memberships.remember(
        unknown.memberships.of(ANNA)[0].__class__("biz_demo", "usr_new", frozenset({"member"})), sequence=1
    )
    page = await (await signed_in(unknown, "usr_new")).open(INBOX)
    assert page.labels(".person .name") == ["usr_new"]
