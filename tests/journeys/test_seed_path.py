"""The path the product's own help describes, on the whole running system:

Business settings > Connections > Manage > Reconnect > provider > organisation > Next > confirmation > Finish.
"""

import asyncpg
import pytest
from people import connect, deliver, expect_in_tab, log_in_at_the_provider, press, sign_in, withdraw_access
from playwright.async_api import Page, expect

from devstack.demo.upstream import Upstream
from devstack.stack import Stack

# Of list-svc's tables: its pictures of what others own, which a reconnect refreshes, and the chassis'.
PICTURES = frozenset({"connections", "entries", "list_runs", "rules_said_again"})
PLUMBING = frozenset({"idempotency_keys", "leases", "outbox", "outbox_sequences", "schema_migrations"})


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
