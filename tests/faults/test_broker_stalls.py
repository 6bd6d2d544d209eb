"""A connection to the broker that stalls, goes deaf or breaks in the middle of a send loses and reorders nothing.

The relay alone goes through the proxy, for longer than it waits for an answer and for less. What was on its way when it
gave up is gone with its connection, or arrives late, after it was sent again: the first delivery is still in order.
"""

import asyncio
import random
import time

from faultlib.ground import Ground, eventually
from faultlib.proxy import Cut, Proxy

_A_BATCH = 2000  # bytes: a request of this size sends events


async def test_a_send_that_is_cut_or_never_answered_is_repeated_in_order(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    proxy, address = await ground.kafka_proxy()
    await ground.start("consumer")
    relay = await ground.start("relay", kafka=address)
    producer = await ground.start("producer", rate=plan.choice([20, 40]), padding=plan.choice([2000, 5000, 10_000]))
    await ground.recovered(time.monotonic())
    faults = [
        (stalled, plan.uniform(11, 13), Proxy.reset),
        (plan.choice([stalled, deaf]), plan.uniform(11, 13), Proxy.flow),
        (plan.choice([stalled, deaf, broken, torn]), plan.uniform(0.5, 5), plan.choice([Proxy.reset, Proxy.flow])),
    ]
    plan.shuffle(faults)
    recoveries = []
    for fault, seconds, end in faults:
        await fault(proxy, plan)
        await asyncio.sleep(seconds)
        proxy.cut_after_bytes = None
        end(proxy)
        proxy.flow()
        recoveries.append(await ground.recovered(time.monotonic()))
    assert relay.lives
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=max(recoveries))


async def stalled(proxy: Proxy, _plan: random.Random) -> None:
    """Nothing passes any more, from the middle of a send on."""
    await in_mid_send(proxy, proxy.stall)


async def deaf(proxy: Proxy, _plan: random.Random) -> None:
    """The send arrives, and no answer comes back."""
    await in_mid_send(proxy, proxy.half_open)


async def broken(proxy: Proxy, plan: random.Random) -> None:
    """The connection is cut before or after a send arrives."""
    await in_mid_send(proxy, lambda: plan.choice(list(Cut)))


async def torn(proxy: Proxy, plan: random.Random) -> None:
    """Connections are cut after so many bytes, again and again: a part of a send arrives."""
    proxy.cut_after_bytes = plan.randrange(600, 20_000)


async def in_mid_send(proxy: Proxy, fault) -> None:
    """Have it happen when the next events go by."""
    has_begun = asyncio.Event()

    def look(chunk: bytes) -> Cut | None:
        if len(chunk) < _A_BATCH:
            return None
        proxy.inspect = None
        has_begun.set()
        return fault()

    proxy.inspect = look
    await eventually(has_begun.is_set)
