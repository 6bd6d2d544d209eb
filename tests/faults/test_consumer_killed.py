"""A consumer killed between its commits and its acknowledgement repeats no effect: the inbox drops what comes again.

Its partitions go to the others once its session is over, after ten seconds: that is most of the recovery.
"""

import asyncio
import random
import signal
import time

import pytest
from faultlib.ground import Ground

from devstack.ports import free_port

pytestmark = pytest.mark.quick

_DUPLICATES = 'events_total{outcome="duplicate"}'


async def test_what_was_handled_and_not_acknowledged_comes_again_and_is_known(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    left = await ground.start("consumer", port=free_port())
    dying = await ground.start("consumer", failpoints=f"consume.settled:{plan.randint(1, 20)}:SIGKILL")
    await ground.start("relay")
    producer = await ground.start("producer", rate=plan.choice([10, 20, 40]))
    assert await dying.ended() == -signal.SIGKILL
    recovery = await ground.recovered(time.monotonic())
    await producer.stop()
    await ground.drained()
    async with asyncio.timeout(30):  # the group notices after ten seconds, and all may have had its effect before
        while not await left.metric(_DUPLICATES):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.2)
    await asyncio.sleep(1)  # what came again may take more than one poll
    hits = await left.metric(_DUPLICATES)
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)

    given = [line["event"] for actor in (left, dying) for line in actor.history if line["did"] == "given"]
    assert hits == left.did("known") == len(given) - len(set(given))
