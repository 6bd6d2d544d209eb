"""While Kafka is away the outbox grows, and afterwards it drains in order: nothing is lost, and nobody needs a restart.

Kafka is stopped for longer than any request may take, or killed and started again. It is away for a minute in seeds 1
and 2, and for 12 to 20 seconds in the others, so that twenty seeds fit into half an hour. All processes stay alive; the
consumer says within half a minute that it is not ready, and that it is ready again when it is.
"""

import asyncio
import random
import time

from faultlib.ground import Ground, eventually

from devstack.ports import free_port

_WAITING = "SELECT count(*) FROM outbox"


async def test_a_stop_or_a_crash_of_kafka_costs_nothing_but_time(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    kafka = ground.servers.kafka
    consumer = await ground.start("consumer", port=free_port())
    relay = await ground.start("relay", port=free_port())
    producer = await ground.start("producer", rate=10)
    await asyncio.sleep(plan.uniform(1, 3))

    await (kafka.stop() if seed % 2 else kafka.kill())
    end = time.monotonic() + (60 if seed <= 2 else plan.uniform(12, 20))
    waiting = []
    while time.monotonic() < end:
        await asyncio.sleep(1)
        waiting.append(await ground.value(_WAITING))
        assert await consumer.is_live()
        assert await relay.is_live()
    assert waiting == sorted(waiting)
    assert waiting[-1] > waiting[0]
    assert not await consumer.is_ready()

    await kafka.start()
    recovery = await ground.recovered(time.monotonic(), seconds=90)
    await eventually(consumer.is_ready)
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)
