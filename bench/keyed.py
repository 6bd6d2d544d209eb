"""Handlers that take a while, on one partition, by the number of keys, beside a schedule that costs nothing.

A handler takes from 0 to 5 ms, by a seeded draw: a sleep that stands for its whole transaction, which waits for
PostgreSQL and not for our process (hence a stand-in for the database, as in `consume`). Theirs is the ideal: the sum of
the sleeps over the number that can sleep at once, which is the number of keys or, if that is less, of transactions in
hand. It is measured, since a timer is some 0.3 ms late: as many bare tasks sleep one after the other, without keys.

The latter is ours to set. It is the pool's size less two, 8 for a service's pool of 10: a handler holds a connection
for as long as it runs, handlers call nobody but the database, and PostgreSQL does not get more done for having many
more connections than cores. The last case shows, without a target, what a pool of 100 would make of it.

The clock runs from the first handler's begin to the last one's end. In no key may a number follow a greater one.
"""

import asyncio
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Final

from bench.ground import Ground
from bench.no_database import NoDatabase
from bench.records import CLOCK, an_entry, fill, new_group, on
from bench.runner import ROUNDS, AtLeast, Case, Exactly, interleaved
from bench.stopwatch import Stopwatch
from chassis.consume import Consumer, knows
from chassis.database import Tx
from chassis.observe import configure_logging
from relink_contracts.envelope import Received
from relink_contracts.events import ListEntry

KEYS: Final = (1, 10, 100, 1_000, 10_000)
ENOUGH_KEYS: Final = 100
POOL, LARGE_POOL = 10, 100
LONGEST_SECONDS: Final = 0.005


async def run(ground: Ground, *, small: bool) -> list[Case]:
    configure_logging("bench", "error")
    records = 2_000 if small else 10_000
    sizes = [(keys, POOL) for keys in KEYS if keys <= records] + [(1_000, LARGE_POOL)]
    cases: list[Case] = []
    violations: list[float] = []
    for keys, pool in sizes:
        event = on(await ground.topic("bench.keyed.events", partitions=1))
        draw = random.Random(keys)  # noqa: S311 - repeatable, not secret
        order = [draw.randrange(keys) for _ in range(records)]
        sleeps = [draw.uniform(0, LONGEST_SECONDS) for _ in range(records)]
        await fill(ground.kafka, ((an_entry(event, key), number) for number, key in enumerate(order)))
        in_hand = min(keys, pool - 2)
        case = f"{keys:,} {'key' if keys == 1 else 'keys'}, {in_hand} in hand"
        sides = partial(heard, ground.kafka, pool, event, sleeps, violations), partial(slept, sleeps, in_hand)
        # With one key there is nothing to spread: one round of so long a sleep is as good as five.
        ours, ideal = await interleaved(*sides, rounds=ROUNDS if keys > 1 else 1)
        target = AtLeast(0.8) if keys >= ENOUGH_KEYS and pool == POOL else None
        cases.append(Case(case, "records/s", ours, ideal, target))
    return [*cases, Case("order violations", "records", violations, [], Exactly(0))]


async def slept(sleeps: Sequence[float], at_once: int) -> float:
    """Sleeps per second."""
    waiting = iter(sleeps)

    async def one_by_one() -> None:
        for seconds in waiting:
            await asyncio.sleep(seconds)

    begun = time.perf_counter()
    await asyncio.gather(*(one_by_one() for _ in range(at_once)))
    return len(sleeps) / (time.perf_counter() - begun)


async def heard(
    kafka: str, pool: int, event: type[ListEntry], sleeps: Sequence[float], violations: list[float]
) -> float:
    """Records per second; adds to `violations` how many came after a later one of their key."""
    stopwatch, stopping = Stopwatch(len(sleeps)), asyncio.Event()
    seen: dict[str, list[int]] = defaultdict(list)

    async def sleep(received: Received[ListEntry], _tx: Tx) -> None:
        stopwatch.begin()
        seen[received.key].append(received.sequence)
        await asyncio.sleep(sleeps[received.sequence])
        stopwatch.count()

    consumer = Consumer(new_group(), NoDatabase(max_size=pool), kafka, [knows(event, sleep)], CLOCK, version="bench")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(stopping))
        await stopwatch.is_over.wait()
        stopping.set()
    violations.append(sum(later < earlier for each in seen.values() for earlier, later in itertools.pairwise(each)))
    return stopwatch.rate
