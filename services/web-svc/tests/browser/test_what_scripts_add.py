"""What pages do with JavaScript that they cannot do without."""

from build_web_svc import NOW, XERO, connection, expired, item, release
from playwright.async_api import expect
from serve_web_svc import Served

from web_svc.live import Change

BASE = "/b/biz_demo"
CONNECTION = f"{BASE}/settings/connections/{XERO}"


async def test_publish_changes_the_list_in_place_and_the_page_stays(served: Served) -> None:
    served.world.publish_service.items = [item(1), item(2)]
    page = await served.open(f"{BASE}/inbox?tab=ready")
    await page.evaluate("window.stayed = true")
    await page.get_by_role("button", name="Publish", exact=True).first.click()
    await expect(page.locator("#items .notice")).to_have_text("1 item sent to publish.")
    await expect(page.get_by_role("link", name="Ready 1")).to_be_visible()
    assert await page.evaluate("window.stayed")


async def test_pressing_twice_asks_once(served: Served) -> None:
    served.world.publish_service.items = [item(1), item(2)]
    page = await served.open(f"{BASE}/inbox?tab=ready")
    await page.get_by_role("button", name="Publish", exact=True).first.dblclick()
    await expect(page.locator("#items .notice")).to_be_visible()
    keys = {call.key for call in served.world.publish_service.calls}
    assert len(keys) == 1


async def test_an_open_page_follows_what_happens(served: Served) -> None:
    served.world.publish_service.items = [item(1, status="held", reason="connection_expired")]
    page = await served.open(f"{BASE}/inbox?tab=waiting")
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    served.world.publish_service.items[0]["status"] = "published"
    served.world.live.tell("biz_demo", Change("item", "itm_0001"))
    await expect(page.get_by_role("link", name="Waiting 0")).to_be_visible()
    await expect(page.get_by_role("link", name="Published 1")).to_be_visible()


async def test_the_banner_goes_when_somebody_else_has_reconnected(served: Served) -> None:
    served.world.connection_service.connections = {XERO: expired()}
    page = await served.open(f"{BASE}/inbox")
    await expect(page.get_by_text("Your Xero connection has expired.")).to_be_visible()
    served.world.connection_service.connections = {XERO: connection()}
    served.world.live.tell("biz_demo", Change("connection", XERO))
    await expect(page.get_by_text("Your Xero connection has expired.")).not_to_be_visible()


async def test_the_confirmation_counts_along(served: Served) -> None:
    served.world.connection_service.connections = {XERO: connection(connected_at=NOW.isoformat())}
    served.world.publish_service.held = {"waiting": 9, "release": release(started_at=NOW.isoformat())}
    page = await served.open(f"{CONNECTION}/done")
    await expect(page.get_by_text("Publishing 3 of 12 waiting items…")).to_be_visible()
    served.world.publish_service.held = {"waiting": 0, "release": release(published=12, started_at=NOW.isoformat())}
    served.world.live.tell("biz_demo", Change("item", "itm_0001"))
    await expect(page.get_by_text("All 12 waiting items are published.")).to_be_visible()


async def test_the_keyboard_alone_leads_from_the_banner_to_the_providers_login(served: Served) -> None:
    elsewhere = served.url.replace("localhost", "127.0.0.1")  # another origin, as the provider's login is
    served.world.connection_service.connections = {XERO: expired()}
    served.world.connection_service.start_url = f"{elsewhere}/signed-out"
    page = await served.open(f"{BASE}/inbox")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(3):
        await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Reconnect")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{elsewhere}/signed-out")


async def test_an_id_is_copied_at_a_press(served: Served) -> None:
    visit = await served.visit()
    await visit.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await visit.new_page()
    await page.goto(CONNECTION)
    await page.get_by_role("button", name="Copy the organisation id").click()
    await expect(page.get_by_role("status").first).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == connection()["organisation_id"]


async def test_the_keyboard_opens_manage_and_goes_through_it(served: Served) -> None:
    page = await (await served.visit()).new_page()
    async with page.expect_response(lambda answer: "part=connection" in answer.url):
        await page.goto(CONNECTION)  # the page asks once for its fragment when the stream is open
    await expect(page.locator(".htmx-request, .htmx-settling")).to_have_count(0)
    await page.locator(".menu > summary").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Change connection")).to_be_visible()
    for name in ("Refresh integration data", "Change connection", "Disconnect"):
        await page.keyboard.press("Tab")
        thing = page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name))
        await expect(thing).to_be_focused()


async def test_a_menu_that_is_open_stays_open_whatever_happens_and_the_page_follows_once_it_is_closed(
    served: Served,
) -> None:
    page = await served.open(CONNECTION)
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await page.locator(".menu > summary").click()
    served.world.connection_service.connections = {XERO: expired()}
    async with page.expect_response(lambda answer: "part=connection" in answer.url):
        served.world.live.tell("biz_demo", Change("connection", XERO))
    await expect(page.get_by_role("link", name="Change connection")).to_be_visible()
    await page.locator(".menu > summary").click()
    await expect(page.get_by_text("Expired", exact=True)).to_be_visible()


async def test_the_theme_of_the_switch_wins_over_the_systems(served: Served) -> None:
    page = await served.open(f"{BASE}/inbox")
    background = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(background)
    await page.get_by_role("button", name="Dark").click()
    await expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate(background) != light
