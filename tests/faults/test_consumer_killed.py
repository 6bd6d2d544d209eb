"""A consumer killed between its commits and its acknowledgement repeats no effect: the inbox drops what comes again.

Two die over the batch in hand, one after the other or together. Each leaves its partitions to the others once its
session is over, which is most of the recovery.
"""

import random
import signal
import time

import pytest
from faultlib.ground import Ground

from devstack.ports import free_port

pytestmark = pytest.mark.quick


async def test_what_was_handled_and_not_acknowledged_comes_again_and_is_known(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    await ground.start("relay")
    dying = [
        await ground.start("consumer", failpoints=f"consume.settled:{plan.randint(1, 12)}:SIGKILL") for _ in range(2)
    ]
    producer = await ground.start("producer", rate=plan.choice([20, 40]))
    assert [await actor.ended() for actor in dying] == [-signal.SIGKILL] * 2
    over = time.monotonic()
    left = [await ground.start("consumer", port=free_port()) for _ in range(plan.randint(1, 2))]
    recovery = await ground.recovered(over)
    await producer.stop()
    await ground.drained()
    hits = sum([await actor.metric('events_total{outcome="duplicate"}') for actor in left])
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)

    assert hits, "nothing came again: this seed shows nothing"
    assert hits == sum(actor.did("known") for actor in left)
    assert deliveries_beyond_the_first(ground) == sum(actor.did("known") for actor in ground.actors)


def deliveries_beyond_the_first(ground: Ground) -> int:
    given = [line["event"] for actor in ground.actors for line in actor.history if line["did"] == "given"]
    return len(given) - len(set(given))
