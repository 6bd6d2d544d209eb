"""What more of everything does to the rates: each at 100,000 and 1,000,000 rows or records, beside itself at 10,000.

The work measured is the same at each size, since only the surroundings should differ:

- relay: one relay takes 10,000 rows while so many more wait in the outbox; and so many after a transaction was opened,
  read something and stayed open (a dump, a forgotten console), so that every one of the rows relayed since is dead and
  cannot be vacuumed away. They are deleted by one statement here; the relay finds the same. Before it is measured, a
  relay takes 8,000 rows more: in its first two passes it learns where the living rows begin.
- consume: the whole way of 10,000 records to a handler that does nothing, from the beginning of a topic with so many.
- inbox: an event's transaction with its inbox row, business row and outbox row, where the inbox remembers so many; and
  beside such an open transaction.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from typing import Final, Self

from bench import backlog, consume, inbox
from bench.ground import Ground, connected
from bench.records import NOW, an_entry, on, say
from bench.relay import all_told, counted
from bench.runner import AtLeast, Case, interleaved
from chassis.consume import reacts
from chassis.database import Database
from chassis.kafka import Sender
from chassis.observe import configure_logging
from relink_contracts.envelope import to_record

SIZES, SIZES_SMALL = (10_000, 100_000, 1_000_000), (10_000, 40_000)
EVENTS, EVENTS_SMALL = 1_000, 300
WARM_UP: Final = 8_000  # rows
# Once more what is kept, as later events of the same entities.
_AGAIN: Final = f"""INSERT INTO outbox ({backlog.COLUMNS})
    SELECT uuidv7(), aggregatetype, aggregateid, aggregate_seq + $2 * 1000000, type, $1, shard, payload, headers
    FROM kept ORDER BY id"""  # noqa: S608 - constants
_REMEMBER: Final = """INSERT INTO inbox (consumer, source, event_id)
    SELECT 'bench-svc', '/relink/bench-svc', uuidv7() FROM generate_series(1, $1)"""


async def run(ground: Ground, *, small: bool) -> list[Case]:
    sizes = SIZES_SMALL if small else SIZES
    configure_logging("bench", "error")
    return [
        *await relaying(ground, sizes),
        *await consuming(ground, sizes),
        *await remembering(ground, sizes, EVENTS_SMALL if small else EVENTS),
    ]


async def relaying(ground: Ground, sizes: tuple[int, ...]) -> list[Case]:
    kept = await ground.database()
    await backlog.keep(kept, WARM_UP + sizes[0])
    async with AsyncExitStack() as running:
        waiting = [await running.enter_async_context(Outbox(ground, kept, size, sizes[0])) for size in sizes]
        dead = [await running.enter_async_context(Outbox(ground, kept, size, sizes[0])) for size in sizes]
        for each in dead:
            await each.delete_beside_an_open_transaction()
        rates = await interleaved(*(each.rate for each in (*waiting, *dead)))
    names = [f"relay: {size:,} rows waiting" for size in sizes[1:]]
    names_open = [f"relay: {size:,} rows relayed beside an open transaction" for size in sizes]
    return [
        *cases(names, "rows/s", rates[: len(sizes)], 0.8),
        *cases(names_open, "rows/s", (rates[0], *rates[len(sizes) :]), 0.5),
    ]


async def consuming(ground: Ground, sizes: tuple[int, ...]) -> list[Case]:
    sides = []
    for size in sizes:
        event = on(await ground.topic("bench.growth.events", partitions=3))
        entries = [an_entry(event, number) for number in range(sizes[0])]
        records = [to_record(say(entry, at=NOW), 1) for entry in entries]
        sender = Sender(ground.kafka)
        for _ in range(size // sizes[0]):
            assert not any(await sender.send(records))
        await sender.close()
        sides.append(partial(consume.ours, ground.kafka, event, sizes[0]))
    rates = await interleaved(*sides)
    return cases([f"consume: {size:,} records in the topic" for size in sizes[1:]], "records/s", rates, 0.8)


async def remembering(ground: Ground, sizes: tuple[int, ...], events: int) -> list[Case]:
    numbers = count()
    async with AsyncExitStack() as running:
        sides = []
        for size in (*sizes, sizes[-1]):
            url = await ground.database()
            database = await Database.connect(url, max_size=inbox.AT_ONCE)
            running.push_async_callback(database.close)
            async with database.acquire() as connection:
                await connection.execute(_REMEMBER, size, timeout=120)
                await connection.execute("ANALYZE inbox")
            sides.append(partial(inbox.delivered, database, reacts(inbox.EVENT, inbox.note), events, numbers))
        await running.enter_async_context(held_open(url))
        rates = await interleaved(*sides)
    names = [f"inbox: {size:,} events remembered" for size in sizes[1:]]
    name_open = f"inbox: {sizes[-1]:,} events remembered, beside an open transaction"
    return [*cases(names, "events/s", rates[:-1], 0.8), *cases([name_open], "events/s", (rates[0], rates[-1]), 0.5)]


def cases(names: list[str], unit: str, rates: tuple[list[float], ...], target: float) -> list[Case]:
    """Each after the first, beside the first."""
    return [Case(name, unit, rate, rates[0], AtLeast(target)) for name, rate in zip(names, rates[1:], strict=True)]


class Outbox:
    """A relay, and an outbox in which so many rows wait behind those that a round takes."""

    def __init__(self, ground: Ground, kept: str, waiting: int, a_round: int) -> None:
        self._ground, self._kept, self._waiting, self._a_round = ground, kept, waiting, a_round
        self._cleanup, self._filled = AsyncExitStack(), count()

    async def __aenter__(self) -> Self:
        self._url = await self._ground.copy(self._kept)
        self._connection = await self._cleanup.enter_async_context(connected(self._url))
        process = self._ground.process("bench.drains", self._url, self._ground.kafka)
        self._relay = [await self._cleanup.enter_async_context(process)]
        self._topic = await self._ground.topic()
        for _ in range(self._waiting // self._a_round - 1):
            await self._fill()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    async def delete_beside_an_open_transaction(self) -> None:
        """Leave as many dead rows as waited."""
        await self._cleanup.enter_async_context(held_open(self._url))
        await self._fill()
        await self._connection.execute("DELETE FROM outbox", timeout=120)

    async def rate(self) -> float:
        """Rows in a second."""
        await self._fill()
        await all_told(self._relay, "relay")
        warm = await counted(self._relay, WARM_UP)  # a batch or two more, since it counts aloud now and then
        begun = time.perf_counter()
        done = await counted(self._relay, WARM_UP + self._a_round * 9 // 10 - warm.total())
        seconds = time.perf_counter() - begun
        await all_told(self._relay, "rest")
        return done.total() / seconds

    async def _fill(self) -> None:
        await self._connection.execute(_AGAIN, self._topic, next(self._filled), timeout=120)


@asynccontextmanager
async def held_open(database_url: str) -> AsyncIterator[None]:
    """A repeatable-read transaction that has looked at something and stays open for the block."""
    async with connected(database_url) as connection, connection.transaction(isolation="repeatable_read"):
        await connection.fetchval("SELECT count(*) FROM outbox_sequences")
        yield
