"""What goes wrong with a connection and how people mend it, on the whole running system."""

import re

import pytest
from looks import DESK, KEYBOARD, PHONE
from people import (
    ANOTHER,
    CONNECTIONS,
    OURS,
    YEAR,
    confirm,
    connected,
    deliver,
    find_in_tab,
    link_in_the_mail,
    log_in_at_the_provider,
    publish,
    sign_in,
    withdraw_access,
)
from person import Person, SitDown
from playwright.async_api import expect

from devstack.demo.upstream import Upstream
from devstack.stack import Stack


@pytest.mark.parametrize("person", [DESK, PHONE, KEYBOARD], indirect=True, ids=str)
async def test_from_the_expired_banner_one_press_leads_to_the_login_and_what_waited_is_published(
    stack: Stack, person: Person, upstream: Upstream
) -> None:
    """J1"""
    connection_id = await connected(stack, upstream, "xero")
    number = f"banner-{person.look}"
    await deliver(upstream, connection_id, number)
    stack.clock.advance(YEAR)
    await sign_in(person, "Anna Ackroyd")
    await publish(person, number)
    await person.reads("1 item is waiting to publish. Reconnect and we will send it for you.")
    pressed = person.presses
    await person.press("Reconnect", within=person.page.locator("#banner"))
    await expect(person.page).to_have_url(re.compile(f"{stack.addresses['simulator']}/xero/authorize"))
    assert person.presses - pressed == 1
    await log_in_at_the_provider(person)
    await confirm(person)
    await person.reads("The waiting item is published.")
    await person.press("Finish")
    await person.sees("Inbox")
    await expect(person.page.locator("#banner section")).to_have_count(0)
    await find_in_tab(person, "Published", number)


@pytest.mark.parametrize("person", [DESK, PHONE], indirect=True, ids=str)
async def test_a_login_to_another_organisation_activates_nothing_and_leads_back_to_the_right_one(
    stack: Stack, person: Person, upstream: Upstream
) -> None:
    """J3"""
    connection_id = await connected(stack, upstream, "quickbooks")
    before = await upstream.connection(connection_id)
    await sign_in(person, "Anna Ackroyd")
    await log_in_elsewhere(person, connection_id)
    assert await upstream.connection(connection_id) == before
    await person.press(f"Log in to {OURS}")
    await log_in_at_the_provider(person)
    await confirm(person)
    await person.press("Finish")
    await person.sees("QuickBooks Online")
    assert (await upstream.connection(connection_id))["organisation_name"] == OURS


async def test_from_another_organisation_the_connection_is_switched_at_a_press(
    stack: Stack, person: Person, upstream: Upstream
) -> None:
    """J4, up to the switch"""
    connection_id = await connected(stack, upstream, "freeagent")
    await sign_in(person, "Anna Ackroyd")
    await log_in_elsewhere(person, connection_id)
    await person.press(f"Switch to {ANOTHER} and merge lists")
    await person.sees(f"Connected to {ANOTHER}")
    await person.press("Finish and merge later")
    await person.sees("FreeAgent")
    await person.open(CONNECTIONS)
    await person.page.get_by_text("Earlier connections").click()
    await person.reads("Replaced by FreeAgent")
    await person.looks()


async def log_in_elsewhere(person: Person, connection_id: str) -> None:
    await person.open(f"{CONNECTIONS}/{connection_id}")
    await person.press("Reconnect")
    await log_in_at_the_provider(person, organisation=ANOTHER)
    await person.sees("That is a different organisation")


async def test_a_member_asks_and_an_administrator_mends_it_through_the_link_in_the_mail(
    stack: Stack, sit_down: SitDown, upstream: Upstream
) -> None:
    """J11"""
    connection_id = await connected(stack, upstream, "sage")
    await withdraw_access(stack, upstream, connection_id)
    anna = await sit_down(DESK)
    await sign_in(anna, "Anna Ackroyd")
    await anna.open("/connect/sage/disconnected")  # where Sage's own Disconnect button leads to
    await anna.sees("Sage Accounting was disconnected")
    await anna.open(f"{CONNECTIONS}/{connection_id}")
    await anna.reads("Access removed")
    await anna.press("Sign out")
    await anna.sees("You are signed out")

    ben = await sit_down(PHONE)
    await sign_in(ben, "Ben Barlow")
    await ben.press("Ask an admin to reconnect")
    await ben.sees("Your administrators know")
    await ben.reads("We have asked Anna Ackroyd to reconnect Sage Accounting.")

    await anna.open(await link_in_the_mail(stack, asked_by="Ben Barlow"))
    await anna.sees("Reconnect Sage Accounting")
    await anna.reads("Ben Barlow asks you for it.")
    await anna.press("Log in to Sage Accounting")
    await log_in_at_the_provider(anna)
    await anna.press("Sign in to finish")
    await anna.press("Anna Ackroyd")
    await confirm(anna)
    await anna.press("Finish")
    await anna.sees("Sage Accounting")
    assert (await upstream.connection(connection_id))["lifecycle"] == "active"


@pytest.mark.parametrize(
    ("person", "provider", "software"),
    [(DESK, "quickbooks", "QuickBooks Online"), (PHONE, "freeagent", "FreeAgent")],
    indirect=["person"],
    ids=str,
)
async def test_access_that_was_removed_in_the_software_is_granted_again_and_what_waited_is_published(
    stack: Stack, person: Person, upstream: Upstream, provider: str, software: str
) -> None:
    """J12"""
    connection_id = await connected(stack, upstream, provider)
    number = f"removed-{provider}"
    await deliver(upstream, connection_id, number)
    await withdraw_access(stack, upstream, connection_id)
    await sign_in(person, "Anna Ackroyd")
    await publish(person, number)
    await person.reads(f"{software} stopped sharing data with us on")
    await person.open(CONNECTIONS)
    await person.reads("Access removed")
    await person.press("Reconnect")
    await person.sees(f"Reconnect to {OURS}")
    await person.press(f"Continue to {software}")
    await log_in_at_the_provider(person)
    await confirm(person)
    await person.reads("The waiting item is published.")
    await person.press("Finish")
    await person.finds(person.page.get_by_text("Connected", exact=True))
    await find_in_tab(person, "Published", number)
