"""Consumers that come, go and are restarted under load repeat no effect, keep the order, and hardly repeat a delivery.

One, then three, then each restarted in turn, then one again, all by SIGTERM. Who gives a partition away drains first,
so what is delivered twice is bounded here by 1 % of all deliveries.
"""

import asyncio
import random
import time

from faultlib.ground import Ground

_REDELIVERED_AT_MOST = 0.01


async def test_a_rolling_restart_and_one_to_three_to_one_repeat_next_to_nothing(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    work = (0.0, plan.choice([0.002, 0.02, 0.05]))
    await ground.start("relay")
    members = [await ground.start("consumer", work=work)]
    producer = await ground.start("producer", rate=plan.choice([20, 40]), accounts=plan.choice([12, 60]))
    await asyncio.sleep(plan.uniform(0.5, 1.5))
    for _ in range(2):
        members.append(await ground.start("consumer", work=work))
        await asyncio.sleep(plan.uniform(0, 1.5))
    plan.shuffle(members)
    for _ in range(3):
        await members.pop(0).stop()
        await asyncio.sleep(plan.uniform(0, 1))
        members.append(await ground.start("consumer", work=work))
        await asyncio.sleep(plan.uniform(0, 1))
    for leaving in members[:2]:
        await leaving.stop()
        await asyncio.sleep(plan.uniform(0, 1))
    over = time.monotonic()
    recovery = await ground.recovered(over)
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    verdict = await ground.verdict(recovery_seconds=recovery)

    given = [line["event"] for actor in ground.actors for line in actor.history if line["did"] == "given"]
    redelivered = len(given) - len(set(given)) - verdict.duplicates
    assert redelivered <= _REDELIVERED_AT_MOST * len(given), f"{redelivered} of {len(given)} deliveries were repeats"
    ground.result["redelivered"] = redelivered
