"""The relay, beside what Kafka's client and PostgreSQL allow each alone.

A backlog of 40,000 rows of 1,000 entities appears in one commit before one relay process, or three, that wait for it;
their rate is from that commit until the last of them has deleted its last row. A relay must read the rows, send them
and delete them. So it cannot be faster than the slower of two processes that do half of this and nothing else:

- produce: the same records, ready in memory, pipelined by an idempotent aiokafka producer (acks=all, its defaults);
- delete: the same rows claimed and deleted, batch by batch, with the relay's own statements, on the same table.

All run in processes of their own, as services do (uvloop, imports frozen), and each is warm before its time starts. The
topic is then read back: each row must have arrived, and no first delivery may be behind a later one of its key.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, Self

from bench import backlog
from bench.ground import Ground, connected, said, tell
from bench.runner import AtLeast, Case, Exactly, interleaved

ROWS, ROWS_SMALL, REPLICAS = 40_000, 20_000, 3
WARM_UP: Final = 2_000  # rows

Drained = asyncio.subprocess.Process


async def run(ground: Ground, *, small: bool) -> list[Case]:
    async with Course(ground, ROWS_SMALL if small else ROWS) as course:
        one, three, limit = await interleaved(partial(course.relayed, 1), partial(course.relayed, 3), course.limit)
    return [
        Case("1 relay", "rows/s", one, limit, AtLeast(0.9)),
        Case("3 relays", "rows/s", three, limit, AtLeast(0.9)),
        Case("inversions per key", "records", [read.inversions for read in course.reads], [], Exactly(0)),
        Case("rows that did not arrive", "rows", [read.missing for read in course.reads], [], Exactly(0)),
    ]


class Course:
    """A database with kept rows and three drains, to run them down in several ways. Rates are rows in a second."""

    def __init__(self, ground: Ground, rows: int) -> None:
        self._ground, self._rows, self._cleanup = ground, rows, AsyncExitStack()
        self.reads: list[backlog.Read] = []

    async def __aenter__(self) -> Self:
        url = await self._ground.database()
        await backlog.keep(url, WARM_UP + self._rows)
        self._connection = await self._cleanup.enter_async_context(connected(url))
        start = [self._ground.process("bench.drains", url, self._ground.kafka) for _ in range(REPLICAS)]
        self._drains = [await self._cleanup.enter_async_context(process) for process in start]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    async def relayed(self, replicas: int) -> float:
        """The rate of so many relays together; the topic is read back afterwards."""
        topic, relays = await self._ground.topic(), self._drains[:replicas]
        await all_told(relays, "relay")
        idle = set(relays)
        while idle:  # until each has sent something to this topic
            await backlog.put_back(self._connection, topic, WARM_UP)
            idle -= set(await counted(relays, WARM_UP))
        await self._connection.execute("TRUNCATE outbox")  # so that each round begins with a table as good as new
        begun = await backlog.put_back(self._connection, topic, self._rows, after=WARM_UP)
        await counted(relays, self._rows)
        seconds = time.time() - begun
        await all_told(relays, "rest")
        self.reads.append(await backlog.read_back(self._ground.kafka, topic, WARM_UP + self._rows))
        return self._rows / seconds

    async def limit(self) -> float:
        """The rate of the slower half of the work."""
        topic = await self._ground.topic()
        await all_told(self._drains[:1], f"load {topic} {WARM_UP}")
        await self._connection.execute("TRUNCATE outbox")
        await backlog.put_back(self._connection, topic, self._rows, after=WARM_UP)
        return min([await self._rate("produce"), await self._rate("delete")])

    async def _rate(self, work: str) -> float:
        begun = time.perf_counter()
        tell(self._drains[0], work)
        await counted(self._drains[:1], self._rows)
        seconds = time.perf_counter() - begun
        await heard_ready(self._drains[0])
        return self._rows / seconds


async def all_told(drains: Sequence[Drained], line: str) -> None:
    """Tell each this, and wait until each is ready for more."""
    for drain in drains:
        tell(drain, line)
    for drain in drains:
        await heard_ready(drain)


async def heard_ready(drain: Drained) -> None:
    while await said(drain) != "ready":
        pass


async def counted(processes: Sequence[Drained], rows: int) -> Counter[Drained]:
    """Wait until these have counted so many rows together, from now; answers how many each did count."""
    done: Counter[Drained] = Counter()

    async def listen(process: Drained) -> None:
        while done.total() < rows:
            done[process] += int(await said(process))

    listening = [asyncio.create_task(listen(process)) for process in processes]
    first, others = await asyncio.wait(listening, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*first)
    return done
