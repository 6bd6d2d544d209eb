"""Builders, valid by default, and the two neighbours of the reader: a provider and connection-svc, from memory."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from chassis.database import Database, Tx
from chassis.testing import FrozenClock
from providers.models import Access, Cost, Entry, ListName, Reading
from providers.permits import Leased
from providers.xero.adapter import FACTS
from relink_contracts.events import ConnectionEstablished, SyncRequested
from relink_contracts.testing import received
from sync_svc.clients import TokenAnswer, Usable
from sync_svc.domain.entries import Content
from sync_svc.domain.runs import Run
from sync_svc.domain.schedules import Pace, Schedule
from sync_svc.handlers import handlers
from sync_svc.work.ask_due import ask_due
from sync_svc.work.read_lists import Reader
from sync_svc.work.run_syncs import RunSyncs

Call = Callable[..., Awaitable[httpx2.Response]]

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
TWO_DAYS = timedelta(hours=48)
PACE = Pace(interval=TWO_DAYS, cool_down=timedelta(minutes=5))
HASH_KEY = b"a key that is long enough for tests"
USABLE = Usable("token-1", "org_1", "xero", 1)


def a_schedule(**changes: Any) -> Schedule:
    return replace(Schedule("con_1", "biz_demo", due_at=NOON, asked_generation=1), **changes)


def a_run(**changes: Any) -> Run:
    run = Run("syn_1", "biz_demo", "con_1", 1, "schedule", (), requested_at=NOON, due_at=NOON)
    return replace(run, **changes)


def content(external_id: str = "429", **changes: Any) -> Content:
    return replace(Content(external_id, f"Account {external_id}"), **changes)


def an_entry(external_id: str, list_name: ListName = ListName.ACCOUNTS, **changes: Any) -> Entry:
    return replace(Entry(list_name, external_id, f"Entry {external_id}"), **changes)


class PracticeProvider:
    """Lists in memory. `troubles` are raised one after the other, before anything is read."""

    name = "xero"
    facts = replace(FACTS, lists=(ListName.ACCOUNTS, ListName.SUPPLIERS))

    def __init__(self) -> None:
        self.accounts = [an_entry("200"), an_entry("429")]
        self.suppliers = [an_entry("s-1", ListName.SUPPLIERS, email="Anna@Demo.example ", tax_number="GB 123")]
        self.changed: list[Entry] | None = None
        self.troubles: list[Exception] = []
        self.reads: list[tuple[str, ListName, datetime | None]] = []

    async def read_list(self, access: Access, list_name: ListName, modified_since: datetime | None) -> Reading:
        await access.permit()
        self.reads.append((access.access_token, list_name, modified_since))
        if self.troubles:
            raise self.troubles.pop(0)
        if list_name is ListName.ACCOUNTS:
            return Reading(tuple(self.accounts), is_full=True, cost=Cost(2, 1000))
        if modified_since is not None:
            return Reading(tuple(self.changed or ()), is_full=False, cost=Cost(1, 100))
        return Reading(tuple(self.suppliers), is_full=True, cost=Cost(1, 500))


@dataclass
class Tokens:
    """connection-svc, answering as written down."""

    answer: TokenAnswer = USABLE
    after_rejection: TokenAnswer | None = None
    trouble: Exception | None = None
    reports: list[tuple[str, str]] = field(default_factory=list)
    permits: list[Leased] = field(default_factory=list)
    throttles: list[timedelta] = field(default_factory=list)

    async def get(self, connection_id: str, business_id: str) -> TokenAnswer:
        if self.trouble:
            raise self.trouble
        return self.answer

    async def lease(self, connection_id: str, business_id: str) -> Leased:
        return self.permits.pop(0) if self.permits else Leased(5, timedelta(0), timedelta(seconds=1))

    async def report_throttled(self, connection_id: str, business_id: str, pause: timedelta) -> None:
        self.throttles.append(pause)

    async def report_rejected(self, connection_id: str, business_id: str, token: Usable, problem: str) -> TokenAnswer:
        self.reports.append((token.access_token, problem))
        return self.after_rejection or replace(USABLE, access_token=f"token-{len(self.reports) + 1}")


@dataclass
class Worker:
    """A whole worker without Kafka: events are handed over by hand."""

    database: Database
    clock: FrozenClock
    provider: PracticeProvider
    tokens: Tokens

    def runner(self, holder: str = "worker-1") -> RunSyncs:
        reader = Reader(
            self.tokens,
            {"xero": self.provider},  # type: ignore[dict-item] - only reading is practised
            self.clock,
            hash_key=HASH_KEY,
            full_every=timedelta(days=7),
        )
        return RunSyncs(self.database, self.clock, reader, holder=holder, lease_time=timedelta(minutes=1))

    async def hears(self, *events: Any) -> None:
        async with self.database.transaction() as tx:
            for event in events:
                for handler in handlers(interval=TWO_DAYS):
                    if event.type == handler.event.TYPE:
                        await handler.deliver(replace(event, received_at=self.clock.now()), tx, "sync-svc")

    async def connected(self) -> None:
        """A connection is established, and its first run is ready to be done."""
        await self.hears(received(ConnectionEstablished))
        await self.takes_up_what_was_asked()

    async def takes_up_what_was_asked(self) -> None:
        """What a consumer would do with our own SyncRequested."""
        for number, said in enumerate(await self.said("relink.sync.requested.v1"), start=1):
            await self.hears(received(SyncRequested(**said), sequence=number))

    async def synced(self) -> None:
        """The first run is done as well; what it said is forgotten."""
        await self.connected()
        await self.runner().step()
        async with self.database.acquire() as tx:
            await tx.execute("DELETE FROM outbox")

    async def comes_due(self, after: timedelta = TWO_DAYS) -> None:
        """Time passes, and the schedule asks."""
        self.clock.advance(after)
        await ask_due(self.database, now=self.clock.now(), interval=TWO_DAYS)
        await self.takes_up_what_was_asked()

    async def said(self, event_type: str) -> list[dict[str, Any]]:
        """What waits to be sent, of one type, in order; None for a tombstone."""
        async with self.database.acquire() as tx:
            return await said(tx, event_type)


async def said(tx: Tx, event_type: str) -> list[Any]:
    rows = await tx.fetch("SELECT payload FROM outbox WHERE type = $1 ORDER BY id", event_type)
    return [json.loads(row["payload"]) if row["payload"] else None for row in rows]
