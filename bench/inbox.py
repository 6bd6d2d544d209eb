"""What "once per event" costs: an event's transaction with its inbox row, beside the same transaction without it.

Both write a row of business and a row of the outbox, through `Handler.deliver` and `chassis.outbox`: `reacts` has the
inbox before it, `knows` has not. Eight connections work at once, as many as the consumer of a service with the default
pool. Rows of the outbox are deleted between rounds, as a relay would; those of the inbox stay, as they do for a week.

Each round is one ratio; the confidence interval of their median is drawn by bootstrap (10,000 resamples, seeded).
"""

import asyncio
import random
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from statistics import median
from typing import Final

from bench.ground import Ground
from bench.records import NOW, a_heard, an_entry, on, say
from bench.runner import AtLeast, Case, interleaved
from chassis import outbox
from chassis.consume import Handler, knows, reacts
from chassis.database import Database, Tx
from relink_contracts.envelope import Received
from relink_contracts.events import ListEntry

AT_ONCE: Final = 8
RESAMPLES: Final = 10_000
EVENT: Final = on("bench.inbox.events")


async def run(ground: Ground, *, small: bool) -> list[Case]:
    events, rounds = (300, 15) if small else (1_000, 61)
    database = await Database.connect(await ground.database(), max_size=AT_ONCE)
    numbers = count()
    sides = [partial(delivered, database, handler(EVENT, note), events, numbers) for handler in (reacts, knows)]
    ours, theirs = await interleaved(*sides, rounds=rounds)
    await database.close()
    with_inbox = Case("with the inbox", "events/s", ours, theirs, AtLeast(0.88))
    low, high = interval(with_inbox.ratios)
    return [
        with_inbox,
        Case("95 % confidence: from", "ratio", [low], [], None),
        Case("95 % confidence: to", "ratio", [high], [], None),
    ]


async def note(event: Received[ListEntry], tx: Tx) -> None:
    assert event.data is not None
    await tx.execute("INSERT INTO things (id, number) VALUES ($1, $2)", event.subject, event.sequence)
    await outbox.add(tx, say(event.data, at=NOW, caused_by=event))


async def delivered(database: Database, handler: Handler, events: int, numbers: Iterator[int]) -> float:
    """Events per second, each of them new and about a thing of its own."""
    heard = iter([a_heard(an_entry(EVENT, next(numbers))) for _ in range(events)])

    async def work() -> None:
        for event in heard:
            async with database.transaction() as tx:
                await handler.deliver(event, tx, "bench-svc")

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    rate = events / (time.perf_counter() - begun)
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM outbox")
    return rate


def interval(ratios: list[float]) -> tuple[float, float]:
    """Where the median of such rounds lies with 95 % confidence."""
    draw = random.Random(len(ratios))  # noqa: S311 - repeatable, not secret
    medians = sorted(median(draw.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    return medians[RESAMPLES // 40], medians[-RESAMPLES // 40]
