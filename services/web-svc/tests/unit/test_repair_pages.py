"""What can be done about a broken connection by somebody who does not reconnect it himself."""

from datetime import timedelta

from build_web_svc import ANNA, BEN, NOW, XERO, World, expired, signed_in

MANAGE = f"/b/biz_demo/settings/connections/{XERO}"


async def test_a_reminder_can_be_put_off_by_three_days(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    page = await (await signed_in(world)).open(MANAGE)
    sent = await page.press("Remind me in 3 days")
    [call] = world.connection_service.calls
    assert call.path == f"/api/v1/connections/{XERO}/snooze"
    assert call.body == {"until": (NOW + timedelta(days=3)).isoformat()}
    assert "We remind you again in 3 days." in (await page.browser.open(sent.leads_to)).said


async def test_a_connection_that_works_has_nothing_to_put_off(world: World) -> None:
    page = await (await signed_in(world)).open(MANAGE)
    assert "Remind me in 3 days" not in page.labels("button")


async def test_a_link_to_hand_over_is_shown_once_with_its_end(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    before = await (await signed_in(world)).open(f"{MANAGE}/reconnect")
    page = await before.follow("Send a link to someone else")
    made = await page.press("Make the link")
    assert world.connection_service.calls[0].body == {"ttl_seconds": 86400, "send_to_user_id": None}
    assert "https://relink.test/r/secret" in made.text
    assert "once, until 21 Nov 2026, 09:30 UTC." in made.text
    assert made.answer.headers["cache-control"] == "no-store"


async def test_a_link_is_mailed_to_anybody_else_of_the_business(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    page = await (await signed_in(world)).open(f"{MANAGE}/reconnect/link")
    assert page.labels("#send_to option") == ["Nobody: I hand it over myself", "Ben Okafor", "Carla Reyes"]
    sent = await page.press("Make the link", send_to=BEN, lifetime="604800")
    assert world.connection_service.calls[0].body == {"ttl_seconds": 604800, "send_to_user_id": BEN}
    assert "Ben Okafor gets a mail with the link." in sent.said


async def test_a_made_up_lifetime_makes_no_link(world: World) -> None:
    page = await (await signed_in(world, ANNA)).open(f"{MANAGE}/reconnect/link")
    sent = await page.press("Make the link", lifetime="99999999")
    assert (sent.status, world.connection_service.calls) == (403, [])
