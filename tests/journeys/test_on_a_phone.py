"""What is done under `/m`, on the whole running system: Settings at the bottom right, Integrations, one software."""

import pytest
from looks import PHONE
from people import OURS, YEAR, connected, deliver, log_in_at_the_provider, sign_in
from person import Person
from playwright.async_api import expect

from devstack.demo.upstream import Upstream
from devstack.stack import Stack

pytestmark = pytest.mark.parametrize("person", [PHONE], indirect=True, ids=str)


async def test_software_is_connected_from_the_settings_and_a_pop_up_says_so(person: Person) -> None:
    """J9"""
    await sign_in(person, "Anna Ackroyd")
    await open_integrations(person)
    await person.press("Xero")
    await person.press("Connect")
    await log_in_and_confirm(person)
    await person.reads("Lists updated")
    await person.press("OK")
    await person.sees("Xero")
    await person.finds(person.page.get_by_text("Connected", exact=True))


async def test_a_connection_that_has_expired_is_reconnected_and_what_waited_is_published(
    stack: Stack, person: Person, upstream: Upstream
) -> None:
    """J10"""
    connection_id = await connected(stack, upstream, "quickbooks")
    item_ids = await deliver(upstream, connection_id, "phone-1")
    stack.clock.advance(YEAR)
    await upstream.ask_to_publish(item_ids, key="phone-1")
    await sign_in(person, "Anna Ackroyd")
    await open_integrations(person)
    await person.reads("Expired")
    await person.press("QuickBooks Online")
    await person.reads("Your QuickBooks Online connection has expired.")
    await person.press("Reconnect")
    await log_in_and_confirm(person)
    await person.reads("The waiting item is published.")
    await person.press("OK")
    await person.sees("QuickBooks Online")
    await person.finds(person.page.get_by_text("Connected", exact=True))


async def open_integrations(person: Person) -> None:
    await person.open("/m/settings")
    settings = person.page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings")
    box = await settings.bounding_box()
    assert box is not None
    assert (round(box["x"] + box["width"]), round(box["y"] + box["height"])) == (PHONE.width, PHONE.height)
    await person.press("Settings")
    await person.press("Integrations")
    await person.sees("Integrations")


async def log_in_and_confirm(person: Person) -> None:
    await log_in_at_the_provider(person)
    await expect(person.page.get_by_label(OURS)).to_be_checked()
    await person.press("Next")
    await expect(person.page.get_by_role("dialog", name=f"Connected to {OURS}")).to_be_visible()
    await person.looks()
