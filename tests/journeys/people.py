"""What people do at their browsers, and the programs and providers around them."""

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

import httpx2
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from devstack.demo.upstream import Coding, Outage, Upstream
from devstack.stack import Stack

PATIENCE_SECONDS = 60


async def sign_in(page: Page, name: str) -> None:
    await page.goto("/")
    await page.get_by_role("button", name=name).click()
    await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


async def press(page: Page, label: str) -> None:
    """Press the link or button with exactly these words, on a page that axe finds nothing wrong with."""
    thing = page.get_by_role("link", name=label, exact=True).or_(page.get_by_role("button", name=label, exact=True))
    await expect(thing.first).to_be_visible()
    found = (await Axe().run(page)).response["violations"]
    assert [each["id"] for each in found] == [], f"before {label!r} on {page.url}"
    await thing.first.click()


async def log_in_at_the_provider(
    page: Page, *, organisation: str = "Demo Trading Ltd", decision: str = "Allow access"
) -> None:
    await page.get_by_label("E-mail address").fill("anna@demo.example")
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_label(organisation).check()
    await page.get_by_role("button", name=decision).click()


async def connect(page: Page, software: str) -> None:
    await press(page, "Business settings")
    await press(page, "Connections")
    await page.locator("#available li").filter(has_text=software).get_by_role("link", name="Connect").click()
    await press(page, "Connect software")
    await log_in_at_the_provider(page)
    await expect(page.get_by_role("heading", name="Choose an organisation")).to_be_visible()
    await page.get_by_label("Demo Trading Ltd").check()
    await press(page, "Next")
    await expect(page.get_by_role("heading", name="Connected to Demo Trading Ltd")).to_be_visible()
    await expect(page.get_by_text("Lists updated")).to_be_visible()
    await press(page, "Finish")


async def deliver(upstream: Upstream, provider: str, *numbers: str) -> str:
    """Hand over one item for each number; gives the connection they are for."""
    ours = [each for each in await upstream.connections() if each["provider"] == provider]
    [connection] = [each for each in ours if each["lifecycle"] not in {"disconnected", "replaced"}]
    connection_id = connection["connection_id"]
    accounts = await entries(upstream, connection_id, "accounts")
    account = next(each for each in accounts if each["active"] and str(each["type"]).lower() == "expense")
    supplier = (await entries(upstream, connection_id, "suppliers"))[0]
    taxes = account.get("valid_tax_rates") or [None]
    coding = Coding(account["external_id"], taxes[0], supplier["external_id"], supplier["name"])
    for number in numbers:
        await upstream.deliver(connection_id, number, Decimal("120.40"), coding, "2026-03-02")
    return str(connection_id)


async def entries(upstream: Upstream, connection_id: str, name: str) -> list[dict[str, Any]]:
    """A whole list. That it was read is said before the service that keeps the lists has heard its last entry."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with contextlib.suppress(Outage):
                [its] = [each for each in await upstream.lists(connection_id) if each["list"] == name] or [{}]
                if its.get("state") == "complete":
                    return await upstream.entries(connection_id, name)
            await asyncio.sleep(0.2)


async def expect_in_tab(page: Page, tab: str, *numbers: str) -> None:
    await page.get_by_role("link", name="Inbox").click()
    await page.get_by_role("link", name=tab).click()
    for number in numbers:
        await expect(page.locator("tr").filter(has_text=number)).to_be_visible()


async def withdraw_access(stack: Stack, provider: str, connection_id: str, upstream: Upstream) -> None:
    [connection] = [each for each in await upstream.connections() if each["connection_id"] == connection_id]
    async with httpx2.AsyncClient() as http:
        address = f"{stack.addresses['simulator']}/sim/{provider}/grants/revoke"
        (await http.post(address, json={"organisation_id": connection["organisation_id"]})).raise_for_status()
