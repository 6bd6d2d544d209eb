"""A relay that is stopped in mid-batch keeps its shards from nobody, and when it goes on it only repeats, in order.

Its lock is its transaction's. PostgreSQL ends that, and the other relay takes over, when somebody ends the connection
(a failover, a person) or when the relay has been silent for 25 s in the middle of a transaction; every fifth seed waits
for that, since a stopped process otherwise keeps its connection, and its lock, as long as the machine lives.
"""

import asyncio
import random
import signal
import time

import psutil
import pytest
from faultlib.ground import Ground, eventually

pytestmark = pytest.mark.quick

_END_CONNECTION = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1"
_HOLDS_A_SHARD = """SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND application_name = $1)"""
_STOPPED_SECONDS = 30


async def test_a_stopped_relay_loses_its_shard_and_then_only_repeats(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    place, times = plan.choice([("relay.sent", 4), ("sender.accepted", 60)])
    _, producer = await asyncio.gather(
        ground.start("consumer"), ground.start("producer", rate=plan.choice([8, 12, 16]))
    )
    await asyncio.sleep(plan.uniform(0.5, 2))  # so that there are batches in whose middle it can be
    stopped = await ground.start("relay", name="stopped", failpoints=f"{place}:{plan.randint(1, times)}:SIGSTOP")
    await eventually(lambda: psutil.Process(stopped.process.pid).status() == psutil.STATUS_STOPPED)
    assert await ground.value(_HOLDS_A_SHARD, "stopped")
    begun = time.monotonic()
    other = await ground.start("relay")
    if seed % 5:
        await asyncio.sleep(plan.uniform(0, 2))
        await ground.value(_END_CONNECTION, "stopped")
        await asyncio.sleep(plan.uniform(0, 2))
    else:
        await asyncio.sleep(_STOPPED_SECONDS - (time.monotonic() - begun))
    assert not await ground.value(_HOLDS_A_SHARD, "stopped")
    assert stopped.did("ended") == 0
    stopped.signal(signal.SIGCONT)
    over = time.monotonic()
    recovery = await ground.recovered(over)
    await other.kill()  # the one that was stopped is as good as new
    await asyncio.sleep(0.5)
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)
