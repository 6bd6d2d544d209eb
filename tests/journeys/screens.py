"""Plays every state of the screens on a stack of its own and keeps pictures of them: `make screens`.

The scenes are one story: each begins where the one before it ended.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
from gallery import Gallery
from looks import DESK
from own_stack import own_stack
from people import (
    ANOTHER,
    CONNECTIONS,
    OURS,
    confirm,
    connected,
    deliver,
    lists_arrive,
    living,
    log_in_at_the_provider,
    sign_in,
    withdraw_access,
)
from person import Person
from playwright.async_api import Route, expect

from devstack.chromium import a_chromium
from devstack.demo.browser import Browser
from devstack.demo.evidence import Practice
from devstack.demo.story import log_in_and_finish
from devstack.demo.upstream import Api, Upstream
from devstack.home import CHECKOUT
from devstack.playing import until
from devstack.stack import Stack
from devstack.topics import say_members

FOLDER = CHECKOUT / "docs" / "screens"
PREFACE = """# Screens

Every screen of connections in its states, at a desk in light and on a phone in dark. `make screens` plays them on the
running system with the practice providers and takes the pictures anew; `make test-journeys` walks through them as
people do.
"""
SISTER = "biz_sister"
CONNECTED_IN_ALL = 3  # Xero and QuickBooks Online, and the sister's Xero
SETTINGS = "/b/biz_demo/settings"
INTEGRATIONS = "/m/settings/integrations"


class Sitter(Person):
    """Somebody who has their picture taken, and leaves it to the journeys to look at every page with axe."""

    async def looks(self) -> None:
        return


@dataclass
class Play:
    """The people and what they need. Each method is a scene."""

    stack: Stack
    gallery: Gallery
    http: httpx2.AsyncClient
    upstream: Upstream
    anna: Person
    ben: Person
    carla: Person
    guest: Person
    link: str = ""
    """One to hand over that nobody has used."""

    async def all(self) -> None:
        await self.nothing_is_connected()
        await self.software_is_connected()
        await self.it_works()
        await self.access_is_removed()
        await self.a_link_is_handed_over()
        await self.it_is_mended_on_a_phone()
        await self.another_organisation_comes_back()
        await self.the_year_ends()
        await self.the_provider_struggles()
        await self.it_is_changed()
        await self.somebody_leaves()

    async def nothing_is_connected(self) -> None:
        await sign_in(self.anna, "Anna Ackroyd")
        await sign_in(self.ben, "Ben Barlow")
        await sign_in(self.carla, "Carla Castle")
        await self.at(SETTINGS, "W3", "nothing connected")
        await self.at(CONNECTIONS, "W4", "nothing connected")
        await self.at("/m/settings", "M3", "nothing connected")
        await self.at(INTEGRATIONS, "M4", "nothing connected")
        await self.at(f"{INTEGRATIONS}/new/xero", "M5", "before the login")
        await self.at(f"{INTEGRATIONS}/new/sage", "M5", "on the web only")
        await self.at(SETTINGS, "W3", "a member", who=self.ben)
        await self.at("/m/settings", "M3", "a member", who=self.ben)
        await self.at(INTEGRATIONS, "M4", "a member", who=self.ben)

    async def software_is_connected(self) -> None:
        anna = self.anna
        await self.the_sister_connects_another()
        await self.at(f"{CONNECTIONS}/new/xero", "W6", "a first connection")
        async with self.kept_from_leaving(anna):
            await anna.press("Connect software")
            await anna.sees("Opening Xero…")
            await self.take("W6", "on the way")
        await anna.press("Continue to Xero")
        await anna.sees("Log in to practice Xero")
        await self.take("W7", "login")
        await anna.press("Log in")
        await anna.sees("Relink wants access to your organisation")
        await self.take("W7", "consent")
        await anna.page.get_by_text("Scenario", exact=True).click()
        await self.take("W7", "what may go wrong")
        await anna.press("Cancel")
        await anna.sees("The login did not work")
        await self.take("W8", "access refused")
        await self.connect_again("Scope missing: the most important permission is not granted")
        await anna.sees("The login did not work")
        await self.take("W8", "a permission is missing")
        await self.connect_again("No organisation is connected")
        await anna.reads("has no organisation you can connect")
        await self.take("W9", "none")
        await self.connect_again("Two organisations are connected at once")
        await anna.sees("Choose an organisation")
        await self.take("W9", "one belongs to somebody else")
        choice = anna.page.url
        await self.at(CONNECTIONS, "W4", "not finished")
        await anna.open(choice)
        await self.slow("xero", "GET", "api.xro", seconds=3, times=4)
        await confirm(anna)
        await anna.reads("Lists updating…")
        await self.take("W10", "lists updating")
        await anna.reads("Lists updated")
        await self.take("W10", "a first connection")
        await self.no_faults()

    async def connect_again(self, scenario: str) -> None:
        await self.anna.press("Try again")
        await self.anna.press("Connect software")
        await log_in_at_the_provider(self.anna, scenario=scenario)

    async def it_works(self) -> None:
        anna, xero = self.anna, await self.connection("xero")
        await lists_arrive(self.upstream, xero)
        await self.add_rules(xero, "Fuel", "Stationery", "Telephone")
        await self.publish(xero, "X-1", "X-2")
        manage = f"{CONNECTIONS}/{xero}"
        await self.at(SETTINGS, "W3", "connected")
        await self.at(CONNECTIONS, "W4", "connected")
        await self.at(manage, "W5", "connected")
        await anna.page.locator(".menu summary").click()
        await self.take("W5", "the menu")
        await anna.press("Refresh integration data")
        await anna.reads("Your lists were refreshed a moment ago.")
        await self.take("W5", "lists are fresh")
        await self.at(f"{manage}/history", "W5", "history")
        await self.at(f"{manage}/settings", "W17", "settings")
        general, costs = (anna.page.locator("section").filter(has_text=title) for title in ("General", "Costs"))
        await anna.press("Save", within=general)
        await anna.reads("Saved. The settings count from now on.")
        await self.take("W17", "saved")
        carla = Upstream(Api(self.http, self.stack.addresses, "biz_demo", "usr_carla", "accountant"))
        await carla.change_settings(xero, warn_new_supplier=True)
        await anna.press("Save", within=costs)
        await anna.reads("Carla Castle changed this")
        await self.take("W17", "somebody was faster")
        await self.at(f"{manage}/disconnect", "W19", "with rules")
        await anna.page.get_by_label(f"Type {OURS} to confirm").fill("Demo Trading")
        await anna.press("Disconnect")
        await anna.reads("That is not the name of the organisation.")
        await self.take("W19", "another name was typed")
        await self.at("/m/settings", "M3", "connected")
        await self.at(INTEGRATIONS, "M4", "connected")
        await self.at(f"{INTEGRATIONS}/{xero}", "M9", "connected")

    async def access_is_removed(self) -> None:
        anna, xero = self.anna, await self.connection("xero")
        await withdraw_access(self.stack, self.upstream, xero)
        await self.ask_to_publish(xero, "X-3", "X-4", "X-5")
        await self.waits(xero, 3)
        await self.at("/b/biz_demo/inbox?tab=waiting", "W1", "access removed")
        await self.at(SETTINGS, "W3", "access removed")
        await self.at(CONNECTIONS, "W4", "access removed")
        await self.at(f"{CONNECTIONS}/{xero}", "W5", "access removed")
        await self.at("/m/settings", "M3", "access removed")
        await self.at(INTEGRATIONS, "M4", "access removed")
        await self.at(f"{INTEGRATIONS}/{xero}", "M9", "access removed")
        await self.at(f"{CONNECTIONS}/{xero}/reconnect", "W6", "before a reconnect")
        await self.at("/b/biz_demo/inbox?tab=waiting", "W1", "a member", who=self.ben)
        await self.ben.press("Ask an admin to reconnect")
        await self.ben.sees("Your administrators know")
        await self.take("W1", "a member has asked", who=self.ben)
        await self.carla.open(f"{CONNECTIONS}/{xero}/reconnect")
        await self.carla.press("Continue to Xero")
        await self.carla.sees("Log in to practice Xero")
        await self.at(f"{CONNECTIONS}/{xero}/reconnect", "W6", "somebody else is on the way")
        await anna.press("Take over")
        await log_in_at_the_provider(anna, decision="Cancel")

    async def a_link_is_handed_over(self) -> None:
        anna, guest, xero = self.anna, self.guest, await self.connection("xero")
        send = f"{CONNECTIONS}/{xero}/reconnect/link"
        await self.at(send, "W6", "sending a link")
        hour, self.link = await self.new_link(send, "1 hour"), await self.new_link(send, "7 days")
        await self.take("W6", "a link to hand over")
        await anna.open(send)
        await anna.page.get_by_label("Mail it to").select_option(label="Carla Castle")
        await anna.press("Make the link")
        await anna.reads("Carla Castle gets a mail with the link.")
        await self.take("W6", "a link was mailed")
        await self.at(hour, "W18", "valid", who=guest)
        await guest.press("Log in to Xero")
        await guest.sees("Log in to practice Xero")
        await self.at(hour, "W18", "the login is under way", who=self.ben)
        await log_in_at_the_provider(guest, organisation=ANOTHER)
        await guest.sees("That is a different organisation")
        await self.take("W18", "another organisation", who=guest)
        await guest.press("Ask for a new link")
        await guest.reads("We have asked for a new link.")
        await self.take("W18", "a new link was asked for", who=guest)
        late = await self.new_link(send, "1 hour")
        self.stack.clock.advance(timedelta(hours=2))
        await self.at(late, "W18", "too old", who=guest)
        await self.at("/r/made-up", "W18", "unknown", who=guest)
        await guest.open(self.link)
        await guest.press("Log in to Xero")
        await log_in_at_the_provider(guest)
        await guest.sees("Not repaired yet")
        await self.take("W18", "to be confirmed", who=guest)

    async def new_link(self, send: str, lifetime: str) -> str:
        await self.anna.open(send)
        await self.anna.page.get_by_label("It works for").select_option(label=lifetime)
        await self.anna.press("Make the link")
        return await self.anna.page.locator(".copyable .mono").inner_text()

    async def it_is_mended_on_a_phone(self) -> None:
        anna, xero = self.anna, await self.connection("xero")
        await anna.open(f"{INTEGRATIONS}/{xero}")
        await anna.press("Reconnect")
        await anna.reads("is reconnecting Xero")
        await self.take("M6", "somebody with a link is on the way")
        async with self.kept_from_leaving(anna):
            await anna.press("Take over")
            await anna.sees("Opening Xero…")
            await self.take("M6", "opening")
            start = await anna.page.get_by_role("link", name="Continue to Xero").get_attribute("href")
        attempt = str(start).rsplit("/", 1)[-1]
        await self.at(f"{INTEGRATIONS}/{xero}/organisation?attempt={attempt}", "M6", "not back yet")
        await anna.open(f"{INTEGRATIONS}/{xero}")
        await anna.press("Reconnect")
        await log_in_at_the_provider(anna)
        await anna.sees("Choose an organisation")
        await self.take("M7", "the expected one")
        await self.slow("xero", "PUT", "/Invoices$", seconds=4, times=3)
        await anna.press("Next")
        await anna.reads("Publishing 1 of 3 waiting items…")
        await self.take("M8", "publishing")
        await anna.reads("All 3 waiting items are published.")
        await self.take("M8", "done")
        await self.no_faults()
        await self.at(self.link, "W18", "already repaired", who=self.guest)

    async def another_organisation_comes_back(self) -> None:
        anna = self.anna
        quickbooks = await connected(self.stack, self.upstream, "quickbooks")
        await self.add_rules(quickbooks, "Paper", "Parking")
        await withdraw_access(self.stack, self.upstream, quickbooks)
        await self.ask_to_publish(quickbooks, *(f"Q-{number}" for number in range(1, 6)))
        await self.waits(quickbooks, 5)
        manage = f"{CONNECTIONS}/{quickbooks}"
        await self.at(CONNECTIONS, "W4", "several")
        await anna.open(manage)
        await anna.press("Reconnect")
        await log_in_at_the_provider(anna, organisation=ANOTHER)
        await anna.sees("That is a different organisation")
        await self.take("W9", "another organisation")
        desk = anna.page.url
        await self.at(desk.replace(CONNECTIONS, INTEGRATIONS), "M7", "another organisation")
        await anna.open(desk)
        await anna.press(f"Log in to {OURS}")
        await log_in_at_the_provider(anna)
        await anna.sees("Choose an organisation")
        self.stack.clock.advance(timedelta(minutes=31))
        await anna.press("Next")
        await anna.sees("The login did not work")
        await self.take("W8", "too late")
        await anna.open(f"{manage}/reconnect")
        await anna.press("Continue to QuickBooks Online")
        await log_in_at_the_provider(anna)
        await anna.sees("Choose an organisation")
        await self.take("W9", "the expected one")
        await self.slow("quickbooks", "POST", "/bill$", seconds=4, times=5)
        await confirm(anna)
        await anna.reads("Publishing 2 of 5 waiting items…")
        await self.take("W10", "publishing")
        await anna.reads("All 5 waiting items are published.")
        await self.take("W10", "all is published")
        await self.no_faults()
        await self.at(
            f"{self.stack.addresses['connection-svc']}/oauth/callback/xero?code=x&state=made-up", "W8", "an old link"
        )

    async def the_year_ends(self) -> None:
        anna, xero = self.anna, await self.connection("xero")
        for days in (45, 45, 45, 45, 45, 45, 45, 25):
            await self.time_passes(timedelta(days=days))
        await self.at(f"{CONNECTIONS}/{xero}", "W5", "expires in 25 days")
        await self.time_passes(timedelta(days=19))
        await self.at("/b/biz_demo/inbox", "W1", "expires in 6 days")
        await self.at(CONNECTIONS, "W4", "expires in 6 days")
        await self.at(f"{CONNECTIONS}/{xero}", "W5", "expires in 6 days")
        await self.at(f"{INTEGRATIONS}/{xero}", "M9", "expires in 6 days")
        self.stack.clock.advance(timedelta(days=7))
        await self.ask_to_publish(xero, "X-6", "X-7")
        await self.ask_to_publish(xero, "X-8", date="2024-06-01")  # in a period that the practice provider has locked
        await self.waits(xero, 3)
        await self.at("/b/biz_demo/inbox?tab=waiting", "W1", "expired")
        await self.at(SETTINGS, "W3", "expired")
        await self.at(CONNECTIONS, "W4", "expired")
        await self.at(f"{CONNECTIONS}/{xero}", "W5", "expired")
        await self.at("/m/settings", "M3", "expired")
        await self.at(INTEGRATIONS, "M4", "expired")
        await self.at(f"{INTEGRATIONS}/{xero}", "M9", "expired")
        await anna.open(f"{CONNECTIONS}/{xero}")
        await anna.press("Reconnect")
        await log_in_at_the_provider(anna)
        await confirm(anna)
        await anna.reads("2 published, 1 need your attention.")
        await self.take("W10", "one needs attention")

    async def the_provider_struggles(self) -> None:
        xero = await self.connection("xero")
        await self.fault({"provider": "xero", "times": None, "action": {"status": 503}})
        self.stack.clock.advance(timedelta(hours=49))
        await self.anna.open(f"{CONNECTIONS}/{xero}")
        await self.anna.reads("Xero is having trouble")
        await self.at(CONNECTIONS, "W4", "provider in trouble")
        await self.at(f"{CONNECTIONS}/{xero}", "W5", "provider in trouble")
        await self.at(f"{CONNECTIONS}/{xero}/reconnect", "W6", "provider in trouble")
        await self.at(f"{INTEGRATIONS}/{xero}", "M9", "provider in trouble")
        await self.no_faults()
        self.stack.clock.advance(timedelta(minutes=2))
        await expect(self.anna.page.get_by_text("Xero is having trouble")).to_have_count(0)

    async def it_is_changed(self) -> None:
        anna, xero = self.anna, await self.connection("xero")
        await self.at(f"{CONNECTIONS}/{xero}/change", "W11", "choose software")
        await anna.press("Connect", within=anna.page.locator("li").filter(has_text="FreeAgent"))
        await anna.sees("Change to FreeAgent")
        await self.take("W11", "before the login")
        await anna.press("Connect software")
        await log_in_at_the_provider(anna)
        await anna.sees("Choose an organisation")
        await self.take("W11", "choose the organisation")
        await anna.page.get_by_label(OURS).check()
        await anna.press("Next")
        await anna.sees(f"Connected to {OURS}")
        await anna.reads("Lists updated")
        await self.take("W12", "rules to match")
        await anna.press("Finish and merge later")
        await anna.sees("FreeAgent")
        await self.take("W5", "after a change")
        await anna.open(CONNECTIONS)
        await anna.page.get_by_text("Earlier connections").click()
        await self.take("W4", "after a change")

    async def somebody_leaves(self) -> None:
        sage = await connected(self.stack, self.upstream, "sage")
        await self.at(f"{CONNECTIONS}/{sage}/disconnect", "W19", "without rules")
        await self.anna.press("Disconnect")
        await self.anna.reads("Disconnected. Sage Accounting has taken our access back.")
        await self.take("W19", "disconnected")

    async def at(self, address: str, screen: str, state: str, *, who: Person | None = None) -> None:
        person = who or self.anna
        await person.open(address)
        await self.take(screen, state, who=person)

    async def take(self, screen: str, state: str, *, who: Person | None = None) -> None:
        """Once the page has looked for itself whether anything changed meanwhile."""
        person = who or self.anna
        if await person.page.locator(".live").count():
            await person.page.locator(".live[data-live=on]").wait_for()
        await self.gallery.take(person, screen, state)
        sys.stdout.write(f"{screen} {state}\n")

    @asynccontextmanager
    async def kept_from_leaving(self, person: Person) -> AsyncIterator[None]:
        """The page before a login leads on at once; inside this it stays."""

        async def stay(route: Route) -> None:
            if route.request.method != "POST":
                await route.continue_()
                return
            answer = await route.fetch()
            headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
            await route.fulfill(response=answer, headers=headers)

        await person.page.route("**/*", stay)
        yield
        await person.page.unroute("**/*")

    async def the_sister_connects_another(self) -> None:
        """A business of somebody else has the other organisation."""
        say_members(self.stack.addresses["kafka"], SISTER, {"usr_carla": "admin"}, now=self.stack.clock.now())
        found = await self.http.get(f"{self.stack.addresses['simulator']}/sim/xero/organisations")
        other = next(each["id"] for each in found.json()["organisations"] if each["name"] == ANOTHER)
        web = self.stack.addresses["web-svc"]
        async with Browser() as browser:
            await browser.open(web)
            await browser.press("Carla Castle")

            async def may_connect() -> bool:
                await browser.open(f"{web}/b/{SISTER}/settings/connections/new/xero")
                return browser.page.heading == "Connect Xero"

            await until(may_connect, "Carla's membership has been heard")
            await browser.press("Connect software")
            await log_in_and_finish(browser, ANOTHER, email="carla@demo.example", organisation=other)

    async def connection(self, provider: str) -> str:
        return str((await living(self.upstream, provider))["connection_id"])

    async def add_rules(self, connection_id: str, *matches: str) -> None:
        coding = await self.upstream.any_coding(connection_id)
        for match in matches:
            await self.upstream.add_rule(connection_id, match, coding, key=f"rule-{match}")

    async def ask_to_publish(self, connection_id: str, *numbers: str, date: str | None = None) -> None:
        today = self.stack.clock.now().date().isoformat()
        ids = await deliver(self.upstream, connection_id, *numbers, date=date or today)
        await self.upstream.ask_to_publish(ids, key=f"publish-{numbers[0]}")

    async def publish(self, connection_id: str, *numbers: str) -> None:
        await self.ask_to_publish(connection_id, *numbers)
        await self.come_to(connection_id, "published", len(numbers))

    async def waits(self, connection_id: str, count: int) -> None:
        await self.come_to(connection_id, "held", count)

    async def come_to(self, connection_id: str, status: str, count: int) -> None:
        async def have_come() -> bool:
            standings = (await self.upstream.standings(connection_id)).values()
            return [each for each, _ in standings].count(status) >= count

        await until(have_come, f"{count} items are {status}")

    async def time_passes(self, by: timedelta) -> None:
        """So much that the lists are read again, for which the access to each software is renewed."""
        before = await self.renewals()
        self.stack.clock.advance(by)

        async def are_renewed() -> bool:
            return await self.renewals() >= before + CONNECTED_IN_ALL

        await until(are_renewed, "every access is renewed")

    async def renewals(self) -> int:
        calls = await Practice(self.http, self.stack.addresses["simulator"]).calls()
        return sum((call["effect"] or {}).get("kind") == "refresh" for call in calls)

    async def fault(self, rule: dict[str, Any]) -> None:
        (await self.http.post(f"{self.stack.addresses['simulator']}/sim/faults", json=rule)).raise_for_status()

    async def slow(self, provider: str, method: str, path: str, *, seconds: float, times: int) -> None:
        rule = {
            "provider": provider,
            "method": method,
            "path_regex": path,
            "times": times,
            "action": {"delay": seconds},
        }
        await self.fault(rule)

    async def no_faults(self) -> None:
        (await self.http.delete(f"{self.stack.addresses['simulator']}/sim/faults")).raise_for_status()


async def play(stack: Stack) -> None:
    async with a_chromium() as browser, httpx2.AsyncClient(timeout=30) as http:
        upstream = Upstream(Api(http, stack.addresses, "biz_demo", "usr_anna", "admin"))
        people = [await Sitter.before(browser, DESK, stack.addresses["web-svc"]) for _ in range(4)]
        gallery = Gallery(FOLDER)
        await Play(stack, gallery, http, upstream, *people).all()
        gallery.hang(PREFACE)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with own_stack(tell) as stack:
        asyncio.run(play(stack))


def tell(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


if __name__ == "__main__":
    main()
