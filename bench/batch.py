"""Events that a handler takes together, one transaction a poll, beside one transaction an event.

The handler is list-svc's own, on its own tables: the entries of a provider's lists, which a synchronisation says by the
thousand. Both ways go through the whole consumer, from the topic to the commit of its offsets; the one that takes each
event alone has eight transactions in hand (a pool of 10), the other one at a time. Each side reads the topic as a new
group, after its rows are forgotten.

The clock runs from the first handler's begin to the last one's end.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from bench.ground import Ground
from bench.records import CLOCK, an_entry, fill, new_group, on
from bench.runner import AtLeast, Case, interleaved
from bench.stopwatch import Stopwatch
from chassis.consume import Consumer, Handler, knows, knows_together
from chassis.database import Database, Tx
from chassis.observe import configure_logging
from list_svc.handlers.on_list_entries import on_list_entries
from relink_contracts.envelope import Received
from relink_contracts.events import ListEntry

POOL: Final = 10

Handling = Callable[[type[ListEntry], Stopwatch], Handler]


async def run(ground: Ground, *, small: bool) -> list[Case]:
    configure_logging("bench", "error")
    records = 3_000 if small else 20_000
    topic = await ground.topic("bench.batch.state", partitions=3)
    event = on(topic)
    await fill(ground.kafka, ((an_entry(event, number), 1) for number in range(records)))
    database = await Database.connect(await ground.database("list_svc"), max_size=POOL)
    sides = [partial(heard, ground.kafka, database, event, records, handling) for handling in (together, alone)]
    ours, theirs = await interleaved(*sides)
    await database.close()
    return [Case("together", "events/s", ours, theirs, AtLeast(5))]


def together(event: type[ListEntry], stopwatch: Stopwatch) -> Handler:
    async def take(events: Sequence[Received[ListEntry]], tx: Tx) -> None:
        stopwatch.begin()
        await on_list_entries(events, tx)
        stopwatch.count(len(events))

    return knows_together(event, take)


def alone(event: type[ListEntry], stopwatch: Stopwatch) -> Handler:
    async def take(received: Received[ListEntry], tx: Tx) -> None:
        stopwatch.begin()
        await on_list_entries([received], tx)
        stopwatch.count()

    return knows(event, take)


async def heard(kafka: str, database: Database, event: type[ListEntry], records: int, handling: Handling) -> float:
    """Events per second."""
    async with database.acquire() as connection:
        await connection.execute("TRUNCATE entries")
    stopwatch, stopping = Stopwatch(records), asyncio.Event()
    consumer = Consumer(new_group(), database, kafka, [handling(event, stopwatch)], CLOCK, version="bench")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(stopping))
        await stopwatch.is_over.wait()
        stopping.set()
    return stopwatch.rate
