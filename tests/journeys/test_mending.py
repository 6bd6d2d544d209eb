"""What goes wrong with a connection and how people mend it, on the whole running system.

Each journey has a software of its own, or gives it back, so that none depends on what another left behind.
"""

import re

from people import (
    connect,
    deliver,
    expect_in_tab,
    log_in_at_the_provider,
    press,
    sign_in,
    withdraw_access,
)
from playwright.async_api import Page, expect

from devstack.demo.upstream import Upstream
from devstack.mailcatcher import caught
from devstack.stack import Stack

CONNECTIONS = "/b/biz_demo/settings/connections"


async def leave(page: Page, connection_id: str) -> None:
    await page.goto(f"{CONNECTIONS}/{connection_id}/disconnect")
    await press(page, "Disconnect")
    await expect(page.get_by_text("Disconnected.", exact=False).first).to_be_visible()


async def test_from_the_banner_one_press_leads_to_the_login_and_what_waited_is_published(
    stack: Stack, page: Page, upstream: Upstream
) -> None:
    await sign_in(page, "Anna Ackroyd")
    await connect(page, "Xero")
    connection_id = await deliver(upstream, "xero", "banner-1")
    await withdraw_access(stack, "xero", connection_id, upstream)
    await expect_in_tab(page, "Ready", "banner-1")
    await page.locator("tr").filter(has_text="banner-1").get_by_role("button", name="Publish").click()
    await expect(page.get_by_text("Xero stopped sharing data with us on")).to_be_visible()
    await page.locator("#banner").get_by_role("button", name="Reconnect").click()
    await log_in_at_the_provider(page)
    await press(page, "Next")
    await expect(page.get_by_role("heading", name="Connected to Demo Trading Ltd")).to_be_visible()
    await expect(page.get_by_text("The waiting item is published.")).to_be_visible()
    await press(page, "Finish")
    await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    await leave(page, connection_id)


async def test_a_login_to_another_organisation_activates_nothing_until_somebody_switches(
    page: Page, upstream: Upstream
) -> None:
    await sign_in(page, "Anna Ackroyd")
    await connect(page, "FreeAgent")
    [connection] = [each for each in await upstream.connections() if each["provider"] == "freeagent"]
    manage = f"{CONNECTIONS}/{connection['connection_id']}"

    await log_in_elsewhere(page, manage)
    await press(page, "Log in to Demo Trading Ltd")
    await log_in_at_the_provider(page)
    await expect(page.get_by_label("Demo Trading Ltd")).to_be_checked()
    await press(page, "Next")
    await expect(page.get_by_role("heading", name="Connected to Demo Trading Ltd")).to_be_visible()

    await log_in_elsewhere(page, manage)
    await press(page, "Switch to Other Org Ltd and merge lists")
    await expect(page.get_by_role("heading", name="Connected to Other Org Ltd")).to_be_visible()
    await press(page, "Finish and merge later")
    await page.goto(CONNECTIONS)
    await page.get_by_text("Earlier connections").click()
    await expect(page.get_by_text("Replaced by FreeAgent")).to_be_visible()


async def log_in_elsewhere(page: Page, manage: str) -> None:
    await page.goto(manage)
    await press(page, "Reconnect")
    await press(page, "Continue to FreeAgent")
    await log_in_at_the_provider(page, organisation="Other Org Ltd")
    await expect(page.get_by_role("heading", name="That is a different organisation")).to_be_visible()


async def test_a_member_asks_and_an_administrator_mends_it_through_the_link_in_the_mail(
    stack: Stack, page: Page, upstream: Upstream
) -> None:
    await sign_in(page, "Anna Ackroyd")
    await connect(page, "Sage Accounting")
    [connection] = [each for each in await upstream.connections() if each["provider"] == "sage"]
    connection_id = str(connection["connection_id"])
    await withdraw_access(stack, "sage", connection_id, upstream)
    await page.goto("/connect/sage/disconnected")  # where Sage's own Disconnect button leads to
    await page.goto(f"{CONNECTIONS}/{connection_id}")
    await expect(page.get_by_text("Access removed").first).to_be_visible()
    await press(page, "Sign out")

    await sign_in(page, "Ben Barlow")
    await press(page, "Ask an admin to reconnect")
    await expect(page.get_by_text("We have asked Anna Ackroyd to reconnect Sage Accounting.")).to_be_visible()
    await press(page, "Sign out")

    await page.goto(await link_in_the_mail(stack, page))
    await press(page, "Log in to Sage Accounting")
    await log_in_at_the_provider(page)
    await press(page, "Sign in to finish")
    await page.get_by_role("button", name="Anna Ackroyd").click()
    await press(page, "Next")
    await expect(page.get_by_role("heading", name="Connected to Demo Trading Ltd")).to_be_visible()
    await leave(page, connection_id)


async def link_in_the_mail(stack: Stack, page: Page) -> str:
    """The link of the mail to the administrator whom a member asked."""
    for _ in range(120):
        for message in caught(stack.home.mail):
            text = message.get_body(("plain",))
            found = re.search(r"https?://\S+/r/\S+", text.get_content() if text else "")
            if found and "Ben Barlow" in text.get_content():
                return found.group()
        await page.wait_for_timeout(500)
    raise AssertionError("no mail names who asks and holds a link")
