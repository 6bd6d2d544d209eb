"""Values that are valid by default, a provider, tokens and files that do as they are told, and a worker's world."""

import asyncio
import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from chassis.database import Database, Tx
from chassis.testing import FrozenClock
from providers import models
from providers.errors import OutcomeUnknown, ProviderUnavailable
from providers.permits import Leased
from publish_svc.clients import TokenAnswer, Usable
from publish_svc.domain.connections import ConnectionPicture, Gate, Lifecycle, Settings
from publish_svc.domain.items import BillContent, DocumentRef, Item, ItemStatus, Line
from publish_svc.domain.lane import Moment, Patience
from publish_svc.store import connections, items
from publish_svc.work.lanes import serve_a_lane
from publish_svc.work.tools import Tools
from relink_contracts.ids import new_id

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
AT = Moment(now=NOON, wall=NOON)
LEASE = timedelta(milliseconds=300)
PROCESSING = timedelta(seconds=5)

BILL = BillContent(
    supplier_id="sup-1",
    supplier_name="Paper & Co",
    number="INV-1",
    date=date(2026, 11, 1),
    due_date=None,
    currency="GBP",
    lines=(Line("Paper", Decimal("12.30"), "429", "INPUT2"),),
)
FILE = b"%PDF-1.7 a scanned bill"
DOCUMENT = DocumentRef("https://files.example/1.pdf", hashlib.sha256(FILE).hexdigest(), "1.pdf", "application/pdf")

A_CONNECTION = ConnectionPicture(
    id="con_1",
    business_id="biz_demo",
    lifecycle=Lifecycle.ACTIVE,
    generation=1,
    sequence=1,
    provider="xero",
    settings=Settings(),
    gate=Gate.OPEN,
    synced_generation=1,
)
AN_ITEM = Item(
    id="itm_1",
    business_id="biz_demo",
    external_id="bill-1",
    connection_id="con_1",
    bill=BILL,
    document=DOCUMENT,
    status=ItemStatus.READY,
    created_at=NOON,
    updated_at=NOON,
)


def a_connection(**changes: Any) -> ConnectionPicture:
    return replace(A_CONNECTION, **({"id": new_id("con")} | changes))


def an_item(**changes: Any) -> Item:
    return replace(AN_ITEM, **({"id": new_id("itm"), "external_id": new_id("bill")} | changes))


def a_queued_item(**changes: Any) -> Item:
    return an_item(**({"status": ItemStatus.QUEUED, "position": 1, "requested_by": "usr_anna"} | changes))


def a_token(**changes: Any) -> Usable:
    token = Usable("token-1", NOON + timedelta(minutes=30), "org-1", "xero", generation=1)
    return replace(token, **changes)


@dataclass(frozen=True)
class After:
    """The error comes after the effect."""

    error: Exception


@dataclass
class Stop:
    """The worker stands still here, for ever or until it is told to go on: killed, or paused."""

    after_the_effect: bool
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def stand_still(self) -> None:
        self.reached.set()
        await self.go_on.wait()


@dataclass(frozen=True)
class Written:
    """A bill at the provider."""

    bill: models.Bill
    key: str
    organisation_id: str
    reference: str


class FakeProvider:
    """Keeps bills in memory and behaves as the adapters promise: one bill for a key, found again by our reference.

    `next_calls` says how the next calls of a method end: an error before the effect, `After` an effect, or a `Stop`.
    Unlike a real one it forgets keys when told to, sees every bill at once and refuses none by itself.
    """

    name = "xero"
    facts = SimpleNamespace(longest_processing=PROCESSING, access_margin=timedelta(minutes=5))

    def __init__(self, monotonic: Callable[[], float] = lambda: 0.0) -> None:
        self.bills: list[Written] = []
        self.files: dict[str, list[str]] = defaultdict(list)
        self.suppliers: list[str] = []
        self.calls: list[str] = []
        self.next_calls: dict[str, deque[Exception | After | Stop | None]] = defaultdict(deque)
        self.remembers_keys = True
        self._monotonic = monotonic

    @property
    def numbers(self) -> list[str]:
        return [written.bill.number for written in self.bills]

    def tell(self, method: str, *ends: Exception | After | Stop | None) -> None:
        self.next_calls[method] += ends

    async def create_bill(
        self, access: models.Access, bill: models.Bill, key: str, deadline: float
    ) -> models.Published:
        await access.permit()

        async def write() -> models.Published:
            if self._monotonic() > deadline:
                raise ProviderUnavailable("deadline_passed")
            for written in self.bills:
                if self.remembers_keys and written.key == key:
                    assert written.bill == bill, "a key was repeated with other bytes"
                    return models.Published(written.reference)
            self.bills.append(Written(bill, key, access.organisation_id, f"INV{len(self.bills) + 1}"))
            return models.Published(self.bills[-1].reference, f"https://provider.example/{self.bills[-1].reference}")

        return await self._end("create_bill", write)

    async def find_bill(self, access: models.Access, bill: models.Bill) -> models.Published | None:
        async def find() -> models.Published | None:
            ours = [one for one in self.bills if one.bill.reference == bill.reference]
            return models.Published(ours[0].reference) if ours else None

        return await self._end("find_bill", find)

    async def attach(self, access: models.Access, published: models.Published, document: models.Document) -> None:
        async def attach() -> None:
            if document.file_name not in self.files[published.provider_reference]:
                self.files[published.provider_reference].append(document.file_name)

        await self._end("attach", attach)

    async def ensure_supplier(self, access: models.Access, name: str, key: str) -> str:
        async def ensure() -> str:
            if name not in self.suppliers:
                self.suppliers.append(name)
            return f"supplier-{self.suppliers.index(name)}"

        return await self._end("ensure_supplier", ensure)

    async def _end(self, method: str, effect: Callable[[], Any]) -> Any:
        self.calls.append(method)
        end = self.next_calls[method].popleft() if self.next_calls[method] else None
        if isinstance(end, Exception):
            raise end
        if isinstance(end, Stop) and not end.after_the_effect:
            await end.stand_still()
        answer = await effect()
        if isinstance(end, After):
            raise end.error
        if isinstance(end, Stop) and end.after_the_effect:
            await end.stand_still()
        return answer


LOST = OutcomeUnknown("timeout")


class FakeTokens:
    """Answers as it is told. By default there is a working token, and a newer one for each that was rejected."""

    def __init__(self) -> None:
        self.answer: TokenAnswer | Exception = a_token()
        self.answer_to_report: TokenAnswer | None = None
        self.reports: list[str] = []
        self.permits: list[Leased] = []
        self.throttles: list[timedelta] = []

    async def get(self, connection_id: str, business_id: str) -> TokenAnswer:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def lease(self, connection_id: str, business_id: str) -> Leased:
        return self.permits.pop(0) if self.permits else Leased(5, timedelta(0), timedelta(seconds=1))

    async def report_throttled(self, connection_id: str, business_id: str, pause: timedelta) -> None:
        self.throttles.append(pause)

    async def report_rejected(self, connection_id: str, business_id: str, token: Usable, problem: str) -> TokenAnswer:
        self.reports.append(problem)
        self.answer = self.answer_to_report or a_token(access_token=f"token-{len(self.reports) + 1}")
        return self.answer


class FakeDocuments:
    def __init__(self) -> None:
        self.answers: deque[bytes | Exception] = deque()

    async def fetch(self, document: DocumentRef) -> bytes:
        answer = self.answers.popleft() if self.answers else FILE
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class World:
    """A worker's world: a real database; provider, tokens, files and clocks in our hands."""

    database: Database
    provider: FakeProvider = field(default_factory=FakeProvider)
    tokens: FakeTokens = field(default_factory=FakeTokens)
    documents: FakeDocuments = field(default_factory=FakeDocuments)
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOON))
    wall: FrozenClock = field(default_factory=lambda: FrozenClock(NOON))
    patience: Patience = field(default_factory=Patience)

    def worker(self, name: str = "worker-1") -> Tools:
        return Tools(
            database=self.database,
            tokens=self.tokens,
            documents=self.documents,
            providers={"xero": self.provider},  # type: ignore[dict-item]
            clock=self.clock,
            wall=self.wall,
            worker=name,
            patience=self.patience,
            write_deadline=timedelta(seconds=30),
            lease_time=LEASE,
            monotonic=lambda: 0.0,
        )

    def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.wall.advance(by)

    async def run(self, tools: Tools | None = None, *, steps: int = 200) -> None:
        """Work until nothing is due."""
        for _ in range(steps):
            if not await serve_a_lane(tools or self.worker()):
                return
        raise AssertionError("the lanes never rest")

    async def store(self, connection: ConnectionPicture, *of_lane: Item) -> ConnectionPicture:
        """The connection, and its items in the order given."""
        async with self.database.transaction() as tx:
            placed = replace(connection, last_position=len(of_lane))
            stored = await connections.get_or_add_for_update(tx, placed)
            for position, item in enumerate(of_lane, start=1):
                await items.add(tx, replace(item, connection_id=connection.id, position=position))
        return stored

    async def store_behind(self, connection: ConnectionPicture, item: Item) -> None:
        """One more item, asked for now."""
        async with self.database.transaction() as tx:
            placed = (await known(tx, connection.id)).next_position()
            await items.add(tx, replace(item, connection_id=connection.id, position=placed.last_position))
            await connections.save(tx, placed)

    async def lane(self, count: int, **changes: Any) -> tuple[ConnectionPicture, list[str]]:
        """A connection with so many queued items, numbered INV-1 and on; their ids."""
        queued = [a_queued_item(bill=replace(BILL, number=f"INV-{number}")) for number in range(1, count + 1)]
        connection = await self.store(a_connection(**changes), *queued)
        return connection, [item.id for item in queued]

    async def ask_again(self, item_id: str) -> None:
        """Somebody asks for an item that failed."""
        async with self.database.transaction() as tx:
            item = await items.get_for_update(tx, item_id)
            placed = (await known(tx, item.connection_id)).next_position()
            await items.save(tx, item.ask(position=placed.last_position, by="usr_anna", now=self.clock.now()))
            await connections.save(tx, placed)

    async def item(self, item_id: str) -> Item:
        async with self.database.transaction() as tx:
            return await items.get_for_update(tx, item_id)

    async def connection(self, connection_id: str) -> ConnectionPicture:
        async with self.database.transaction() as tx:
            return await known(tx, connection_id)

    async def change(self, connection_id: str, change: Callable[[ConnectionPicture], ConnectionPicture]) -> None:
        async with self.database.transaction() as tx:
            await connections.save(tx, change(await known(tx, connection_id)))

    async def statuses(self, item_ids: list[str]) -> list[str]:
        return [(await self.item(item_id)).status.value for item_id in item_ids]

    async def said(self, about: str | None = None) -> list[dict[str, Any]]:
        """What stands in the outbox, the type as `what`, in order; about one entity only if it is named."""
        async with self.database.acquire() as connection:
            return await outbox_of(connection, about)


async def known(tx: Tx, connection_id: str) -> ConnectionPicture:
    connection = await connections.get_for_update(tx, connection_id)
    assert connection is not None
    return connection


async def outbox_of(tx: Tx, about: str | None = None) -> list[dict[str, Any]]:

    rows = await tx.fetch("SELECT aggregateid, type, payload FROM outbox ORDER BY id")
    return [
        {"what": row["type"].removeprefix("relink.").removesuffix(".v1")} | json.loads(row["payload"])
        for row in rows
        if about in {None, row["aggregateid"]}
    ]
