"""A real process killed with SIGKILL again and again while it publishes.

The provider here knows no keys: what prevents a second bill is the ledger and the look. What this cannot catch: a
process that is frozen between its last check of the deadline and the send (see the README).
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from build_publish_svc import BILL, World, a_connection, a_queued_item

from chassis.database import Database

WORKERS = Path(__file__).parent.parent / "killed_worker.py"
KILLS = 6


async def test_however_often_workers_are_killed_each_item_is_published_once_and_in_order(
    new_database: Callable[[str | None], Awaitable[str]],
) -> None:
    url = await new_database("publish_svc")
    database = await Database.connect(url)
    workers = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKERS), url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    started: list[int] = []
    try:
        await play(World(database), workers, started)
    finally:
        for worker in started[-1:]:  # before the other: it holds the pipes that wait() waits for
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        workers.kill()
        await workers.wait()
        await database.close()


async def play(world: World, workers: asyncio.subprocess.Process, started: list[int]) -> None:
    lanes = {name: [f"{name}-{number:02}" for number in range(12)] for name in ("A", "B")}
    for numbers in lanes.values():
        await world.store(a_connection(), *(a_queued_item(bill=replace(BILL, number=number)) for number in numbers))
    chance = random.Random(7)
    for _ in range(KILLS):
        started.append(await start(workers))
        await asyncio.sleep(chance.uniform(0.3, 1))
        os.kill(started[-1], signal.SIGKILL)

    started.append(await start(workers))
    for _ in range(600):
        if not await unsettled(world.database):
            break
        await asyncio.sleep(0.1)

    async with world.database.acquire() as db:
        written = [row["number"] for row in await db.fetch("SELECT number FROM provider_bills ORDER BY seq")]
        attempts = await db.fetchval("SELECT count(*) FROM attempts")
    for name, numbers in lanes.items():
        assert [number for number in written if number.startswith(name)] == numbers
    assert attempts > len(written), "no kill hit an attempt: this run proved nothing"


async def start(workers: asyncio.subprocess.Process) -> int:
    assert workers.stdin is not None
    assert workers.stdout is not None
    workers.stdin.write(b"start\n")
    async with asyncio.timeout(60):
        return int(await workers.stdout.readline())


async def unsettled(database: Database) -> int:
    async with database.acquire() as db:
        return int(await db.fetchval("SELECT count(*) FROM items WHERE status <> 'published'"))
