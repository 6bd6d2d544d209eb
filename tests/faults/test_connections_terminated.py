"""PostgreSQL connections ended at any moment, whoever's they are, lose nothing, repeat nothing and reorder nothing.

Every process goes on by itself on new connections.
"""

import asyncio
import random
import time

import pytest
from faultlib.ground import Ground

pytestmark = pytest.mark.quick

# Mostly in the middle of something; now and then an idle one, that its pool believes in.
_END_ONE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = $1 AND (state <> 'idle' OR $2)
    ORDER BY random() LIMIT 1"""


_AT_LEAST = 12


async def test_whatever_connection_ends_whenever_nothing_is_lost_or_repeated(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    await asyncio.gather(
        ground.start("consumer", work=(0.0, 0.005)), ground.start("relay"), ground.start("relay", name="relay-2")
    )
    producer = await ground.start("producer", rate=plan.choice([15, 25, 35]))
    names = [actor.name for actor in ground.actors]
    end, ended = time.monotonic() + 6, 0
    async with asyncio.timeout(60):
        while time.monotonic() < end or ended < _AT_LEAST:
            await asyncio.sleep(plan.uniform(0, 0.1))
            ended += bool(await ground.value(_END_ONE, plan.choice(names), plan.random() < 0.1))
    over = time.monotonic()
    recovery = await ground.recovered(over)
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)
