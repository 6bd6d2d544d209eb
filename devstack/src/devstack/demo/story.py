"""The story: connect, publish, the year ends, reconnect, and what waited publishes itself.

Two connections live through the same year, one to each practice provider; then access is withdrawn at one of them
instead. Everything is done from outside: pages are pressed by their words, items arrive by the public API, time passes
by the clock. What is believed comes from `evidence`.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from devstack.demo.browser import Browser
from devstack.demo.evidence import Practice, ProviderDocument, Topics, Verdict, judge, mails, of_stage
from devstack.demo.show import Step, Storyteller
from devstack.demo.upstream import Api, Coding, Outage, Upstream, notices_of
from devstack.stack import Stack
from relink_contracts.envelope import EventData, Received
from relink_contracts.events import (
    ConnectionExpired,
    ItemPublished,
    ItemPublishFailed,
    ItemReleased,
    ReconnectRequested,
    SyncCompleted,
)

BUSINESS: Final = "biz_demo"
ADMINISTRATOR: Final = "usr_anna"
ACCOUNTANT: Final = "usr_carla"
FIRST_ITEMS: Final = 12
WAITING_ITEMS: Final = 40
WITHDRAWN_WAITING_ITEMS: Final = 5
YEAR: Final = timedelta(days=366)
LISTS: Final = ("accounts", "tax_rates", "suppliers", "customers", "tracking")
QUIET_SECONDS: Final = 2.0  # how long nothing more may arrive before a count is believed

T = TypeVar("T")


class NotAsTold(AssertionError):
    """The system did something else than the story says."""


def expect(held: object, sentence: str) -> None:
    if not held:
        raise NotAsTold(sentence)


async def log_in_and_finish(browser: Browser, organisation: str, /, **filled_in: str) -> None:
    """The provider's pages, then ours: organisation, Next, confirmation, Finish.

    `filled_in` overrides what the provider's pages prefill: `email`, and `organisation` by its id.
    """
    await browser.press("Log in", **filled_in)
    await browser.press("Allow access", **filled_in)
    await browser.press("Next")
    expect(f"Connected to {organisation}" in browser.page.text, f"no confirmation: {browser.page.text[:300]}")
    await browser.press("Finish")
    expect(browser.page.status == 200, f"Finish ended with {browser.page.status}")  # noqa: PLR2004


@dataclass
class Chapter:
    """One connection's part: what was asked of it, and what is known of it from outside."""

    provider: str
    software: str
    organisation: str
    connection_id: str = ""
    organisation_id: str = ""
    coding: Coding | None = None
    asked: list[str] = field(default_factory=list)
    item_ids: dict[str, str] = field(default_factory=dict)
    expiries: int = 0
    verdict: Verdict | None = None
    untouched: bytes = b""

    def numbers(self, count: int) -> list[str]:
        """The next so many document numbers of this connection."""
        first = len(self.asked) + 1
        return [f"{self.provider[:2].upper()}-{first + place:04d}" for place in range(count)]


@dataclass
class Story:
    """Plays the story on a running stack. Each method is a step; any of them raises NotAsTold."""

    stack: Stack
    show: Storyteller
    browser: Browser
    upstream: Upstream
    practice: Practice
    topics: Topics
    administrator: Api
    accountant: Api
    patience_seconds: float
    notices: int = 0
    chapters: tuple[Chapter, ...] = (
        Chapter("xero", "Xero", "Demo Trading Ltd"),
        Chapter("quickbooks", "QuickBooks Online", "Demo Trading Ltd"),
    )

    async def play(self) -> None:
        with self.show.step("An administrator signs in"):
            await self.sign_in()
        for chapter in self.chapters:
            with self._step(chapter, "is connected: login, organisation, Next, confirmation, Finish"):
                await self.connect(chapter)
        for chapter in self.chapters:
            with self._step(chapter, "has sent its lists") as step:
                await self.lists_arrive(chapter, step)
        for chapter in self.chapters:
            with self._step(chapter, f"{FIRST_ITEMS} items publish, each with its file"):
                await self.publish(chapter, FIRST_ITEMS)
        with self.show.step("A year goes by"):
            self.stack.clock.advance(YEAR)
        for chapter in self.chapters:
            await self.an_expiry(chapter, "consent_lapsed", WAITING_ITEMS)
        first = self.chapters[0]
        with self._step(first, "access is withdrawn in the accounting software"):
            await self.practice.withdraw_access(first.provider, first.organisation_id)
        await self.an_expiry(first, "organisation_withdrawn", WITHDRAWN_WAITING_ITEMS)

    async def an_expiry(self, chapter: Chapter, reason: str, waiting: int) -> None:
        """From the first failure to the last published item."""
        chapter.expiries += 1
        with self._step(chapter, f"the next item fails and says so, {waiting} more wait"):
            await self.the_next_item_fails(chapter, reason)
            await self.more_items_wait(chapter, waiting)
        with self._step(chapter, "one mail and one notice for the administrator, none for the unlinked accountant"):
            await self.told_once(chapter)
        with self._step(chapter, "the link in the mail: login, the same organisation, Next, confirmation, Finish"):
            await self.reconnect(chapter)
        with self._step(chapter, f"lists first, then one item, then the other {waiting}, in order") as step:
            await self.all_is_released(chapter, step)

    async def sign_in(self) -> None:
        await self.browser.open(self.stack.addresses["web-svc"])
        await self.browser.press("Anna Ackroyd")
        expect(self.browser.page.status == 200, f"signing in ended on {self.browser.page.url}")  # noqa: PLR2004

    async def connect(self, chapter: Chapter) -> None:
        await self.browser.open(f"{self.stack.addresses['web-svc']}/b/{BUSINESS}/settings/connections")
        await self.browser.press("Connect", near=chapter.software)
        await self.browser.press("Connect software")
        await log_in_and_finish(self.browser, chapter.organisation)
        connection = await self._eventually(lambda: self._connection_of(chapter.provider), "the connection is listed")
        chapter.connection_id, chapter.organisation_id = connection["connection_id"], connection["organisation_id"]

    async def lists_arrive(self, chapter: Chapter, step: Step) -> None:
        async def all_complete() -> dict[str, int] | None:
            lists = {each["list"]: each for each in await self.upstream.lists(chapter.connection_id)}
            if all(name in lists and lists[name]["state"] == "complete" for name in LISTS):
                return {name: lists[name]["entries"] for name in LISTS}
            return None

        totals = await self._eventually(all_complete, "every list is complete")
        contacts = totals["suppliers"] + totals["customers"]
        expect(totals["accounts"] >= 100, f"only {totals['accounts']} accounts arrived")  # noqa: PLR2004
        expect(contacts >= 500, f"only {contacts} contacts arrived")  # noqa: PLR2004
        step.detail = ", ".join(f"{total} {name}" for name, total in totals.items())
        chapter.coding = await self.upstream.any_coding(chapter.connection_id)
        for place, match in enumerate(("Fuel", "Stationery", "Telephone")):
            await self.upstream.add_rule(
                chapter.connection_id, match, chapter.coding, f"rule-{chapter.provider}-{place}"
            )

    async def publish(self, chapter: Chapter, count: int) -> None:
        numbers = await self._deliver(chapter, count)
        await self._ask(chapter, numbers)
        await self._all_published(chapter)
        await self._judge(chapter)

    async def the_next_item_fails(self, chapter: Chapter, reason: str) -> None:
        numbers = await self._deliver(chapter, 1)
        await self._ask(chapter, numbers)
        item_id = chapter.item_ids[numbers[0]]
        await self._eventually(lambda: self._is_held(chapter, [item_id]), "the item waits for the connection")

        async def all_said() -> bool:
            failed = self._publishing_errors(chapter)
            expired = self.topics.about(chapter.connection_id, ConnectionExpired)
            requested = self.topics.about(chapter.connection_id, ReconnectRequested)
            return len(failed) == len(expired) == len(requested) == chapter.expiries

        await self._eventually(
            all_said, "ItemPublishFailed, ConnectionExpired and ReconnectRequested are said, once each"
        )
        failed, expired = (
            self._publishing_errors(chapter)[-1],
            self.topics.about(chapter.connection_id, ConnectionExpired)[-1],
        )
        expect(failed.subject == item_id, f"another item than {item_id} got the publishing error")
        expect(
            getattr(expired.data, "reason", None) == reason,
            f"it expired for another reason than {reason}: {expired.data}",
        )

    async def more_items_wait(self, chapter: Chapter, count: int) -> None:
        numbers = await self._deliver(chapter, count)
        await self._ask(chapter, numbers)
        ids = [chapter.item_ids[number] for number in numbers]
        await self._eventually(lambda: self._is_held(chapter, ids), f"all {count} items wait")

    async def told_once(self, chapter: Chapter) -> None:
        async def told() -> bool:
            notices = await notices_of(self.administrator, chapter.connection_id)
            return len(self._mails(chapter)) >= chapter.expiries and len(notices) >= chapter.expiries

        await self._eventually(told, "the mail and the notice arrive")
        await asyncio.sleep(QUIET_SECONDS)
        caught = self._mails(chapter)
        expect(len(caught) == chapter.expiries, f"{len(caught)} mails came, not {chapter.expiries}")
        expect(all("anna@" in str(mail["To"]) for mail in caught), "somebody else than the administrator got a mail")
        for person, wanted in ((self.administrator, chapter.expiries), (self.accountant, 0)):
            found = await notices_of(person, chapter.connection_id)
            expect(len(found) == wanted, f"{person.subject} finds {len(found)} notices of the expiry, not {wanted}")
        self.notices += 1

    async def reconnect(self, chapter: Chapter) -> None:
        chapter.untouched = await self.upstream.settings_and_rules(chapter.connection_id)
        mail = self._mails(chapter)[-1]
        body = mail.get_body(("plain",))
        link = re.search(r"https?://\S+/r/\S+", body.get_content() if body else "")
        if link is None:
            raise NotAsTold("the mail holds no reconnect link")
        await self.browser.open(link.group())
        await self.browser.press(f"Log in to {chapter.software}")
        await log_in_and_finish(self.browser, chapter.organisation)
        after = await self.upstream.settings_and_rules(chapter.connection_id)
        expect(after == chapter.untouched, "settings or rules are not byte for byte what they were")

    async def all_is_released(self, chapter: Chapter, step: Step) -> None:
        await self._all_published(chapter)
        await self._judge(chapter)
        await self._eventually(lambda: self._is_told(chapter), "the topics tell of every item")
        self._lists_came_first_then_the_canary(chapter)
        step.detail = f"{len(chapter.asked)} documents at {chapter.software}"

    async def _is_told(self, chapter: Chapter) -> bool:
        """Whether the topics have caught up: what was said while Kafka was away comes when it is back."""
        told = {event.subject for event in self.topics.about(chapter.connection_id, ItemPublished)}
        return told >= set(chapter.item_ids.values())

    def _lists_came_first_then_the_canary(self, chapter: Chapter) -> None:
        expired = self.topics.about(chapter.connection_id, ConnectionExpired)[-1]
        completed, released, published = (
            [event for event in self.topics.about(chapter.connection_id, kind) if event.time >= expired.time]
            for kind in (SyncCompleted, ItemReleased, ItemPublished)
        )
        expect(completed, "no list was read after the reconnect")
        lists_read, canary = completed[0].time, published[0]
        others = [event for event in released if event.subject != canary.subject]
        expect(all(lists_read <= event.time for event in released), "an item was released before the lists were read")
        expect(lists_read <= canary.time, "an item was published before the lists were read")
        expect(all(canary.time <= event.time for event in others), "more than one item went first")

    async def _connection_of(self, provider: str) -> dict[str, Any] | None:
        found = [
            c for c in await self.upstream.connections() if c["provider"] == provider and c["lifecycle"] == "active"
        ]
        return found[0] if found else None

    async def _deliver(self, chapter: Chapter, count: int) -> list[str]:
        if chapter.coding is None:
            raise NotAsTold("no list has arrived yet")
        numbers = chapter.numbers(count)
        today = self.stack.clock.now().date().isoformat()
        for place, number in enumerate(numbers):
            amount = Decimal("12.30") + place
            chapter.item_ids[number] = await self._again(
                lambda number=number, amount=amount: self.upstream.deliver(  # type: ignore[misc]
                    chapter.connection_id, number, amount, chapter.coding, today
                )
            )
        return numbers

    async def _ask(self, chapter: Chapter, numbers: list[str]) -> None:
        key = f"publish-{chapter.provider}-{numbers[0]}"
        await self._again(lambda: self.upstream.ask_to_publish([chapter.item_ids[number] for number in numbers], key))
        chapter.asked += numbers

    async def _all_published(self, chapter: Chapter) -> None:
        async def published() -> bool:
            standings = await self.upstream.standings(chapter.connection_id)
            wrong = {item: pair for item, pair in standings.items() if pair[0] in {"failed", "review", "archived"}}
            expect(not wrong, f"items ended as {wrong}")
            return all(standings[item_id][0] == "published" for item_id in chapter.item_ids.values())

        await self._eventually(published, "every item is published")

    def _publishing_errors(self, chapter: Chapter) -> list[Received[EventData]]:
        """Those of class connection; an outage that chaos makes is retried by itself and no error of this kind."""
        failed = self.topics.about(chapter.connection_id, ItemPublishFailed)
        return [event for event in failed if getattr(event.data, "class_", None) == "connection"]

    async def _is_held(self, chapter: Chapter, item_ids: list[str]) -> bool:
        """Whether all wait for the connection; one that a kill left in doubt waits as uncertain, to be looked up."""
        standings = await self.upstream.standings(chapter.connection_id)
        waiting = {("held", "connection_expired"), ("uncertain", "connection_expired")}
        return all(standings[item_id] in waiting for item_id in item_ids)

    async def _judge(self, chapter: Chapter) -> None:
        documents: list[ProviderDocument] = await self.practice.documents(chapter.provider, chapter.organisation_id)
        chapter.verdict = judge(chapter.asked, documents)
        expect(
            chapter.verdict.is_clean, f"{chapter.software} holds something else than was asked for: {chapter.verdict}"
        )

    def _mails(self, chapter: Chapter) -> list[Any]:
        caught = of_stage(mails(self.stack.home.mail), "expired")
        return [mail for mail in caught if mail["X-Relink-Connection"] == chapter.connection_id]

    async def _eventually(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        """Look until it is so. Outages of what is asked are part of the story, so they only cost patience."""
        until = time.monotonic() + self.patience_seconds
        last: object = None
        while time.monotonic() < until:
            try:
                self.topics.read_on(0.05)
                if found := await look():
                    return found
                last = found
            except Outage as outage:
                last = outage
            await asyncio.sleep(0.15)
        raise NotAsTold(f"after {self.patience_seconds:.0f} s it is still not so that {what} (last seen: {last!r})")

    async def _again(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer: every request of the story may be repeated."""
        until = time.monotonic() + self.patience_seconds
        while True:
            try:
                return await ask()
            except Outage:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.3)

    def _step(self, chapter: Chapter, words: str) -> Any:
        return self.show.step(f"{chapter.software}: {words}")
