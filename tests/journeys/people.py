"""What people do at their browsers, and the programs and providers around them."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
from person import Person
from playwright.async_api import expect

from devstack.demo.browser import Browser
from devstack.demo.evidence import Practice
from devstack.demo.story import log_in_and_finish
from devstack.demo.upstream import Upstream
from devstack.mailcatcher import caught
from devstack.playing import until
from devstack.stack import Stack

CONNECTIONS = "/b/biz_demo/settings/connections"
OURS = "Demo Trading Ltd"
ANOTHER = "Other Org Ltd"
YEAR = timedelta(days=366)
LIVING = {"pending", "active", "expired", "revoked"}


async def sign_in(person: Person, name: str) -> None:
    await person.open("/")
    await person.press(name)
    await person.sees("Inbox")


async def log_in_at_the_provider(
    person: Person, *, organisation: str = OURS, decision: str = "Allow access", scenario: str | None = None
) -> None:
    await person.press("Log in")
    await person.page.get_by_label(organisation).check()
    if scenario:
        await person.page.get_by_text("Scenario", exact=True).click()
        await person.page.get_by_label(scenario).check()
    await person.press(decision)


async def confirm(person: Person) -> None:
    """Back from the login: the organisation stands there chosen already, and is confirmed."""
    await expect(person.page.get_by_label(OURS)).to_be_checked()
    await person.press("Next")
    await person.sees(f"Connected to {OURS}")


async def connected(stack: Stack, upstream: Upstream, provider: str) -> str:
    """Somebody has connected, and the lists are there. Gives the connection's id.

    For journeys that begin later: it is done at a browser without a window.
    """
    async with Browser() as browser:
        await browser.open(stack.addresses["web-svc"])
        await browser.press("Anna Ackroyd")
        await browser.open(f"{stack.addresses['web-svc']}{CONNECTIONS}/new/{provider}")
        await browser.press("Connect software")
        await log_in_and_finish(browser, OURS)
    connection_id = str((await living(upstream, provider))["connection_id"])
    await lists_arrive(upstream, connection_id)
    return connection_id


async def living(upstream: Upstream, provider: str) -> dict[str, Any]:
    """The one connection to this provider that has not ended."""
    connections = await upstream.connections()
    [found] = [each for each in connections if each["provider"] == provider and each["lifecycle"] in LIVING]
    return found


async def leave_everything(upstream: Upstream) -> None:
    """Disconnect whatever is connected."""
    for each in await upstream.connections():
        if each["lifecycle"] in LIVING:
            path = f"/api/v1/connections/{each['connection_id']}/disconnect"
            headers = {"Idempotency-Key": f"leave-{each['connection_id']}"}
            await upstream.api.call("POST", "connection-svc", path, json={"keep_lists": True}, headers=headers)


async def lists_arrive(upstream: Upstream, connection_id: str) -> None:
    """That lists were read is said before the service that keeps them has heard of their last entries."""

    async def arrived() -> bool:
        lists = await upstream.lists(connection_id)
        return {each["list"] for each in lists if each["state"] == "complete"} >= {"accounts", "suppliers"}

    await until(arrived, "the lists are there")


async def deliver(upstream: Upstream, connection_id: str, *numbers: str, date: str = "2026-03-02") -> list[str]:
    """Hand over one item for each number; gives our ids for them."""
    coding = await upstream.any_coding(connection_id)
    return [await upstream.deliver(connection_id, number, Decimal("120.40"), coding, date) for number in numbers]


async def publish(person: Person, number: str) -> None:
    await find_in_tab(person, "Ready", number)
    await person.press("Publish", within=person.page.locator("tr").filter(has_text=number))


async def find_in_tab(person: Person, tab: str, *numbers: str) -> None:
    await person.press("Inbox")
    await person.press(tab, exact=False, within=person.page.get_by_role("navigation", name="Items by status"))
    for number in numbers:
        await person.finds(person.page.locator("tr").filter(has_text=number))


async def withdraw_access(stack: Stack, upstream: Upstream, connection_id: str) -> None:
    """Somebody removes our access in the accounting software."""
    connection = await upstream.connection(connection_id)
    async with httpx2.AsyncClient() as http:
        practice = Practice(http, stack.addresses["simulator"])
        await practice.withdraw_access(connection["provider"], connection["organisation_id"])


async def link_in_the_mail(stack: Stack, *, asked_by: str) -> str:
    """The link of the mail to the administrator whom a member asked."""

    async def link() -> str | None:
        for message in caught(stack.home.mail):
            body = message.get_body(("plain",))
            text = body.get_content() if body else ""
            found = re.search(r"https?://\S+/r/\S+", text)
            if found and asked_by in text:
                return found.group()
        return None

    return await until(link, f"a mail names {asked_by} and holds a link")
