"""A relay killed at any moment loses no event and leaves the first delivery of each account's entries in order.

What it had sent and not deleted is sent again by the next one: under the same id, so the consumer's inbox drops it.
"""

import asyncio
import random
import signal
import time

import pytest
from faultlib.ground import Ground

pytestmark = pytest.mark.quick


async def test_a_relay_killed_after_sending_or_in_mid_batch_loses_and_reorders_nothing(
    ground: Ground, seed: int
) -> None:
    plan = random.Random(seed)
    places = ["relay.sent", "sender.accepted"]
    plan.shuffle(places)
    _, producer = await asyncio.gather(
        ground.start("consumer"), ground.start("producer", rate=plan.choice([15, 25, 35]), commands=2_000)
    )
    for place in (*places, plan.choice(places)):
        time_of_death = plan.randint(1, 6 if place == "relay.sent" else 60)
        dying = await ground.start("relay", failpoints=f"{place}:{time_of_death}:SIGKILL")
        assert await dying.ended() == -signal.SIGKILL
    over = time.monotonic()
    await ground.start("relay")
    recovery = await ground.recovered(over)
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    verdict = await ground.verdict(recovery_seconds=recovery)
    assert verdict.duplicates, "no relay died between sending and deleting: this seed shows nothing"
