"""The path the product's own help describes, on the whole running system:

Business settings > Connections > Manage > Reconnect > provider > organisation > Next > confirmation > Finish.
"""

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

import asyncpg
import httpx2
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from devstack.demo.upstream import Coding, Outage, Upstream
from devstack.stack import Stack

PATIENCE_SECONDS = 60
# Of list-svc's tables: its pictures of what others own, which a reconnect refreshes, and the chassis'.
PICTURES = frozenset({"connections", "entries", "list_runs", "rules_said_again"})
PLUMBING = frozenset({"idempotency_keys", "leases", "outbox", "outbox_sequences", "schema_migrations"})


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


async def log_in_at_the_provider(page: Page, *, decision: str = "Allow access") -> None:
    await page.get_by_label("E-mail address").fill("anna@demo.example")
    await page.get_by_role("button", name="Log in").click()
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
    [connection] = [each for each in await upstream.connections() if each["provider"] == provider]
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


@pytest.mark.parametrize(("provider", "software"), [("xero", "Xero"), ("quickbooks", "QuickBooks Online")])
async def test_after_access_was_withdrawn_the_seed_path_repairs_the_connection_and_what_waited_is_published(
    stack: Stack, page: Page, upstream: Upstream, provider: str, software: str
) -> None:
    await sign_in(page, "Anna Ackroyd")
    await connect(page, software)

    first, waiting = f"{provider}-1", (f"{provider}-2", f"{provider}-3")
    connection_id = await deliver(upstream, provider, first)
    await expect_in_tab(page, "Ready", first)
    await page.locator("tr").filter(has_text=first).get_by_role("button", name="Publish").click()
    await expect_in_tab(page, "Published", first)

    await withdraw_access(stack, provider, connection_id, upstream)
    await deliver(upstream, provider, *waiting)
    await expect_in_tab(page, "Ready", *waiting)
    await press(page, "Publish 2 items")
    await expect_in_tab(page, "Waiting", *waiting)
    await expect(page.get_by_text(f"{software} stopped sharing data with us on")).to_be_visible()
    await expect(page.get_by_text(f"2 items are waiting for {software}.")).to_be_visible()

    await upstream.change_settings(connection_id, default_destination="draft")
    await upstream.add_rule(connection_id, provider, await upstream.any_coding(connection_id), f"rule-{provider}")
    before = await kept(stack)
    assert all(before[kind] for kind in ("settings", "rules", "coding of items")), "there is something to keep"

    await press(page, "Business settings")
    await press(page, "Connections")
    row = page.locator("#connections li").filter(has_text=software)
    await expect(row.get_by_text("Access removed")).to_be_visible()
    await row.get_by_role("link", name="Manage").click()
    await expect(page.get_by_role("heading", name=software)).to_be_visible()
    await press(page, "Reconnect")
    await press(page, f"Continue to {software}")
    await log_in_at_the_provider(page)
    await expect(page.get_by_label("Demo Trading Ltd")).to_be_checked()
    await press(page, "Next")
    await expect(page.get_by_role("heading", name="Connected to Demo Trading Ltd")).to_be_visible()
    await expect(page.get_by_text("Settings kept")).to_be_visible()
    await expect(page.get_by_text("Lists updated")).to_be_visible()
    await expect(page.get_by_text("All 2 waiting items are published.")).to_be_visible()
    await press(page, "Finish")
    await expect(page.get_by_text("Connected", exact=True).first).to_be_visible()
    await expect_in_tab(page, "Published", first, *waiting)
    assert await kept(stack) == before, "byte for byte"


async def kept(stack: Stack) -> dict[str, list[str]]:
    """What no reconnect may change, row by row as it lies in the databases.

    Settings, how items are coded, and all that list-svc owns: rules, and the decisions of merges once there are some.
    """
    tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
    owned = [
        name
        for name in await rows(stack, "list-svc", tables)
        if name not in PICTURES | PLUMBING and not name.startswith("inbox")
    ]
    coding = "SELECT (id, external_id, connection_id, bill, document)::text FROM items ORDER BY 1"
    return {
        "settings": await rows(stack, "connection-svc", "SELECT t::text FROM connection_settings t ORDER BY 1"),
        "coding of items": await rows(stack, "publish-svc", coding),
        **{name: await rows(stack, "list-svc", f"SELECT t::text FROM {name} t ORDER BY 1") for name in owned},
    }


async def rows(stack: Stack, service: str, query: str) -> list[str]:
    database = await asyncpg.connect(stack.database_url(service))
    try:
        return [row[0] for row in await database.fetch(query)]
    finally:
        await database.close()


async def withdraw_access(stack: Stack, provider: str, connection_id: str, upstream: Upstream) -> None:
    [connection] = [each for each in await upstream.connections() if each["connection_id"] == connection_id]
    async with httpx2.AsyncClient() as http:
        address = f"{stack.addresses['simulator']}/sim/{provider}/grants/revoke"
        (await http.post(address, json={"organisation_id": connection["organisation_id"]})).raise_for_status()


async def test_a_member_is_told_whom_to_ask(page: Page) -> None:
    await sign_in(page, "Ben Barlow")
    await expect(page.get_by_role("link", name="Business settings")).not_to_be_visible()
    answer = await page.request.get("/b/biz_demo/settings/connections", headers={"Accept": "text/html"})
    assert answer.status == 403
    assert "Your administrators: Anna Ackroyd." in await answer.text()


async def test_access_refused_at_the_provider_changes_nothing(page: Page) -> None:
    await sign_in(page, "Carla Castle")
    await page.goto("/b/biz_demo/settings/connections/new/xero")
    await press(page, "Connect software")
    await log_in_at_the_provider(page, decision="Cancel")
    await expect(page.get_by_role("heading", name="The login did not work")).to_be_visible()
    await expect(page.get_by_text("Access was not granted. Nothing has changed.")).to_be_visible()
    await press(page, "Try again")
    await expect(page.get_by_role("heading", name="Connect Xero")).to_be_visible()


async def test_a_callback_with_a_foreign_state_leads_to_a_page_that_says_where_to_start(
    stack: Stack, page: Page
) -> None:
    await page.goto(f"{stack.addresses['connection-svc']}/oauth/callback/xero?code=x&state=made-up")
    await expect(page.get_by_text("This page was opened from an old or copied link.")).to_be_visible()
