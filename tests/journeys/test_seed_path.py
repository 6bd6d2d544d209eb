"""The path the product's own help describes, on the whole running system:

Business settings > Connections > Manage > Reconnect > provider > organisation > Next > confirmation > Finish.
"""

import asyncpg
import pytest
from looks import DESK, NO_SCRIPTS, PHONE
from people import (
    CONNECTIONS,
    OURS,
    YEAR,
    confirm,
    connected,
    deliver,
    find_in_tab,
    log_in_at_the_provider,
    publish,
    sign_in,
)
from person import Person

from devstack.demo.upstream import Upstream
from devstack.stack import Stack

OUR_CLICKS = 6
# Of list-svc's tables: its pictures of what others own, which a reconnect refreshes, and the chassis'.
PICTURES = frozenset({"connections", "entries", "list_runs", "rules_said_again"})
PLUMBING = frozenset({"idempotency_keys", "leases", "outbox", "outbox_sequences", "schema_migrations"})


async def test_software_is_connected_through_the_login_the_organisation_and_the_confirmation(person: Person) -> None:
    """What comes before J2."""
    await sign_in(person, "Anna Ackroyd")
    await person.press("Business settings")
    await person.press("Connections")
    await person.reads("No accounting software connected yet.")
    await person.press("Connect", within=person.page.locator("#available li").filter(has_text="Xero"))
    await person.press("Connect software")
    await log_in_at_the_provider(person)
    await person.sees("Choose an organisation")
    await confirm(person)
    await person.reads("Lists updated")
    await person.press("Finish")
    await person.sees("Xero")
    await person.finds(person.page.get_by_text("Connected", exact=True))


@pytest.mark.parametrize(
    ("person", "provider", "software"),
    [(DESK, "xero", "Xero"), (PHONE, "quickbooks", "QuickBooks Online"), (NO_SCRIPTS, "xero", "Xero")],
    indirect=["person"],
    ids=str,
)
async def test_after_the_year_the_seed_path_repairs_the_connection_and_what_waited_is_published(
    stack: Stack, person: Person, upstream: Upstream, provider: str, software: str
) -> None:
    """J2"""
    connection_id = await connected(stack, upstream, provider)
    first, *waiting = (f"{person.look}-{provider}-{place}" for place in (1, 2, 3))
    await sign_in(person, "Anna Ackroyd")
    await deliver(upstream, connection_id, first)
    await publish(person, first)
    await find_in_tab(person, "Published", first)

    stack.clock.advance(YEAR)
    await deliver(upstream, connection_id, *waiting)
    await find_in_tab(person, "Ready", *waiting)
    await person.press("Publish 2 items")
    await find_in_tab(person, "Waiting", *waiting)
    await person.reads(f"Your {software} connection has expired.")
    await person.reads(f"2 items are waiting for {software}.")

    await upstream.change_settings(connection_id, default_destination="draft")
    coding = await upstream.any_coding(connection_id)
    await upstream.add_rule(connection_id, first, coding, key=f"rule-{first}")
    before, pressed = await kept(stack), person.presses
    assert all(before[kind] for kind in ("settings", "rules", "coding of items")), "there is something to keep"

    await person.press("Business settings")
    await person.press("Connections")
    row = person.page.locator("#connections li").filter(has_text=software)
    await person.finds(row.get_by_text("Expired", exact=True))
    await person.press("Manage", within=row)
    await person.sees(software)
    await person.press("Reconnect")
    await log_in_at_the_provider(person)
    await confirm(person)
    for words in ("Settings kept", "1 rule kept", "Lists updated", "All 2 waiting items are published."):
        await person.reads(words)
    await person.press("Finish")
    assert person.presses - pressed <= OUR_CLICKS
    await person.sees(software)
    await person.finds(person.page.get_by_text("Connected", exact=True))
    await find_in_tab(person, "Published", first, *waiting)
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


async def test_a_login_that_is_refused_at_the_provider_changes_nothing(
    stack: Stack, person: Person, upstream: Upstream
) -> None:
    """J5"""
    connection_id = await connected(stack, upstream, "xero")
    before = await upstream.connection(connection_id)
    await sign_in(person, "Carla Castle")
    await person.open(f"{CONNECTIONS}/{connection_id}")
    await person.press("Reconnect")
    await log_in_at_the_provider(person, decision="Cancel")
    await person.sees("The login did not work")
    await person.reads("Access was not granted. Nothing has changed.")
    await person.press("Try again")
    await person.sees(f"Reconnect to {OURS}")
    assert await upstream.connection(connection_id) == before


async def test_a_member_is_told_whom_to_ask(person: Person) -> None:
    await sign_in(person, "Ben Barlow")
    await person.page.get_by_role("link", name="Inbox").wait_for()
    assert await person.page.get_by_role("link", name="Business settings").count() == 0
    await person.open(CONNECTIONS)
    await person.sees("For administrators")
    await person.reads("Your administrators: Anna Ackroyd.")


async def test_a_callback_with_a_foreign_state_leads_to_a_page_that_says_where_to_start(
    stack: Stack, person: Person
) -> None:
    await person.open(f"{stack.addresses['connection-svc']}/oauth/callback/xero?code=x&state=made-up")
    await person.sees("The login did not work")
    await person.reads("This page was opened from an old or copied link.")
