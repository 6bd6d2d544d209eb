"""While a record cannot be put aside its offset is not committed: nothing is lost, and all goes on once it can be.

The dead-letter topic is missing, or refuses every record. Other partitions flow meanwhile.
"""

import asyncio
import random
import time
from dataclasses import replace

from faultlib import raw
from faultlib.checker import POISON
from faultlib.ground import Ground, configure_topic, drop_topic, eventually, make_topics

from devstack.ports import free_port


async def test_poison_that_cannot_be_put_aside_is_kept_and_nothing_is_lost(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    is_missing = plan.random() < 0.5
    if is_missing:
        await drop_topic(ground.kafka, ground.dead_letters)
    else:
        await configure_topic(ground.kafka, ground.dead_letters, **{"max.message.bytes": "10"})
    await ground.start("relay")
    consumers = [await ground.start("consumer", port=free_port()) for _ in range(plan.randint(1, 2))]
    producer = await ground.start("producer", rate=plan.choice([20, 40]))
    await eventually(lambda: sum(actor.did("handled") for actor in consumers) > 0)

    good = (await raw.read(ground.kafka, ground.topic))[0]
    places = {}
    for partition in plan.sample(range(6), plan.randint(1, 3)):
        poison = replace(good, value=b"{nonsense", headers=(*good.headers, (POISON, str(partition).encode())))
        places[partition] = await raw.put(ground.kafka, ground.topic, partition, poison)

    async def has_failed() -> bool:
        return sum([await actor.metric("dead_letter_failures_total") for actor in consumers]) >= 1

    await eventually(has_failed, seconds=60)
    await asyncio.sleep(plan.uniform(0, 12))
    offsets = await raw.committed(ground.kafka, ground.service, ground.topic)
    assert all(offsets[partition] <= place for partition, place in places.items()), (offsets, places)

    if is_missing:
        await make_topics(ground.kafka, {ground.dead_letters: 1})
    else:
        await configure_topic(ground.kafka, ground.dead_letters, **{"max.message.bytes": "1048588"})
    recovery = await ground.recovered(time.monotonic())
    await producer.stop()
    await ground.drained()

    async def all_put_aside() -> bool:
        letters = await raw.read(ground.kafka, ground.dead_letters)
        return {letter.header(POISON) for letter in letters} == {str(partition) for partition in places}

    await eventually(all_put_aside)
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)
