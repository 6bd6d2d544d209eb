"""What pages do with JavaScript that they cannot do without."""

from datetime import timedelta

from build_web_svc import NOW, XERO, attempt, connection, expired, item, organisation, release
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
    await expect(page.get_by_role("heading", name="Inbox")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="Reconnect")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{elsewhere}/signed-out")


async def test_after_a_navigation_reading_goes_on_at_the_heading_and_an_update_leaves_it_there(served: Served) -> None:
    page = await (await served.visit()).new_page()
    async with page.expect_response(lambda answer: "part=connection" in answer.url):
        await page.goto(CONNECTION)
    await expect(page.locator(".htmx-request, .htmx-settling")).to_have_count(0)
    await expect(page.get_by_role("heading", name="Xero", level=1)).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("link", name="Connections", exact=True)).to_be_focused()


async def test_a_field_that_is_to_be_corrected_has_the_focus_and_not_the_heading(served: Served) -> None:
    page = await served.open(f"{CONNECTION}/disconnect")
    await page.get_by_label("Type Demo Trading Ltd to confirm").fill("Another Ltd")
    await page.get_by_role("button", name="Disconnect").click()
    await expect(page.get_by_label("Type Demo Trading Ltd to confirm")).to_be_focused()


async def test_the_confirmation_on_a_phone_is_a_pop_up_that_escape_and_ok_close(served: Served) -> None:
    served.world.connection_service.connections = {XERO: connection(connected_at=NOW.isoformat())}
    integration = f"/m/settings/integrations/{XERO}"
    page = await served.open(f"{integration}/done")
    pop_up = page.get_by_role("dialog", name="Connected to Demo Trading Ltd")
    await expect(pop_up).to_be_visible()
    assert await page.evaluate("document.querySelector('dialog').matches(':modal')")
    await page.keyboard.press("Escape")
    await page.wait_for_url(f"**{integration}")
    await page.goto(f"{integration}/done")
    await page.get_by_role("link", name="OK").click()
    await page.wait_for_url(f"**{integration}")


async def test_without_javascript_the_confirmation_is_a_page_of_its_own(served: Served) -> None:
    visit = await served.chromium.new_context(base_url=served.url, java_script_enabled=False)
    cookies = (await served.world.sign_in()).items()
    await visit.add_cookies([{"name": name, "value": value, "url": served.url} for name, value in cookies])
    page = await visit.new_page()
    await page.goto(f"/m/settings/integrations/{XERO}/done")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.get_by_role("link", name="OK").click()
    await page.wait_for_url(f"**/m/settings/integrations/{XERO}")


async def test_a_page_that_waits_for_a_login_moves_on_by_itself_once_it_is_back(served: Served) -> None:
    served.world.connection_service.attempts = {"att_1": attempt(organisation(), state="started")}
    page = await served.open(f"{CONNECTION}/organisation?attempt=att_1")
    await expect(page.get_by_role("heading", name="Not back from Xero yet")).to_be_visible()
    served.world.connection_service.attempts["att_1"]["state"] = "returned"
    await expect(page.get_by_role("heading", name="Choose an organisation")).to_be_focused(timeout=10_000)


async def test_when_the_time_to_choose_runs_out_it_is_said_and_then_the_page_says_why_it_is_over(
    served: Served,
) -> None:
    soon = (NOW + timedelta(seconds=2)).isoformat()
    served.world.connection_service.attempts = {"att_1": attempt(organisation(), expires_at=soon)}
    page = await served.open(f"{CONNECTION}/organisation?attempt=att_1")
    await expect(page.get_by_role("status").first).to_contain_text("Less than one minute is left to choose.")
    served.world.connection_service.attempts["att_1"]["state"] = "timed_out"
    await expect(page.get_by_text("The login took too long")).to_be_visible(timeout=10_000)


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
    for name in ("Refresh integration data", "Send a reconnect link", "Change connection", "Disconnect"):
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
