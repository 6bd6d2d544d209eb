"""Every process killed at once and started in any order is ready in a minute; nothing is lost, repeated or reordered.

Services wait for what they need and is not there yet; none of them ends because of it.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from faultlib.system import System

from devstack.playing import meanwhile
from devstack.soak import evidence
from devstack.soak.play import drained
from devstack.stack import EVERY_PROCESS


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    started = System.start(tmp_path_factory.mktemp("stack"))
    yield started
    started.stack.reset(print)


async def test_the_whole_stack_is_killed_at_once_and_started_in_any_order(
    system: System, seed: int, keep: Callable[[dict[str, Any]], None]
) -> None:
    plan = random.Random(seed)
    async with system.day(seed) as day:
        over = asyncio.Event()
        async with meanwhile(day.anna.repair_for_ever(day.customers)), asyncio.TaskGroup() as asking:
            for customer in day.customers:
                asking.create_task(day.traffic.deliver_steadily(customer, over))
            if plan.random() < 0.5:
                withdrawn = plan.choice(day.customers)
                await day.practice.withdraw_access(withdrawn.provider, withdrawn.organisation_id)
            await asyncio.sleep(plan.uniform(4, 10))

            over.set()  # what was asked for at this moment is asked for until there is an answer
            with ThreadPoolExecutor(len(EVERY_PROCESS)) as pool:
                list(pool.map(system.stack.kill, EVERY_PROCESS))
            await asyncio.sleep(plan.choice([0, 0, 3]))
            begun = time.monotonic()
            for name in plan.sample(EVERY_PROCESS, len(EVERY_PROCESS)):
                system.stack.begin(name)
                await asyncio.sleep(plan.uniform(0, 0.5))
            await asyncio.to_thread(system.stack.wait_until_ready, EVERY_PROCESS)
            ready = time.monotonic() - begun
        async with meanwhile(day.anna.repair_for_ever(day.customers)):
            await drained(system.databases)
        recovery = time.monotonic() - begun
        findings = await evidence.look(system.stack, day.customers, day.practice)
    keep({**system.result(findings, recovery_seconds=recovery), "ready_seconds": round(ready, 2)})
    wrong = [finding for finding in findings if not finding.holds and finding.what != "expiries"]
    assert not wrong, wrong
