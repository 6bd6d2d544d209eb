"""PostgreSQL stopped in the middle of everything (`immediate`) loses no confirmed entry, and nobody needs a restart."""

import asyncio
import random
import signal
import time

import pytest
from faultlib.ground import Ground

pytestmark = pytest.mark.quick


async def test_an_immediate_stop_and_a_start_under_load_lose_and_repeat_nothing(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    await asyncio.gather(ground.start("consumer", work=(0.0, 0.005)), ground.start("relay"))
    producer = await ground.start("producer", rate=plan.choice([15, 25, 35]))
    recovery = 0.0
    for _ in range(2):
        await asyncio.sleep(plan.uniform(0.3, 2))
        await ground.servers.postgres.stop(signal.SIGQUIT)
        await asyncio.sleep(plan.uniform(0, 3))
        await ground.servers.postgres.start()
        over = time.monotonic()
        recovery = max(recovery, await ground.recovered(over))
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)
