"""A leader of three brokers killed under load loses no acknowledged event: what the relay deleted is in the topic.

Three replicas, of which two must have an event before it counts as sent. A second leader dies once the first has
caught up again.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from faultlib import cluster
from faultlib.cluster import Cluster
from faultlib.ground import Ground, eventually
from faultlib.servers import Servers


@pytest.fixture(scope="module")
def fault_servers(fault_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The run's PostgreSQL, and three brokers in place of the one."""
    three = cluster.prepare(tmp_path_factory.mktemp("cluster"))
    asyncio.run(three.start())
    yield replace(fault_servers, kafka=three, kafka_address=three.address)
    asyncio.run(three.stop())


async def test_what_was_sent_survives_the_death_of_whoever_leads(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    three = ground.servers.kafka
    assert isinstance(three, Cluster)
    for _ in range(2):
        await ground.start("consumer")
    await ground.start("relay")
    producer = await ground.start("producer", rate=plan.choice([20, 40]))
    recoveries = []
    for _ in range(2):
        await eventually(lambda: three.is_whole(ground.topic), seconds=60)
        await asyncio.sleep(plan.uniform(0, 3))
        leader = three.brokers[three.leader(ground.topic, plan.randrange(6))]
        await leader.kill()
        recoveries.append(await ground.recovered(time.monotonic()))
        await leader.start()
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=max(recoveries))
