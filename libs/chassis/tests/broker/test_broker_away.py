"""A broker of this module's own goes away and comes back under load. One broker: this proves restarts, not failover."""

import asyncio
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from build_chassis import NOON, Diary, ThingHappened, a_thing, eventually, everything_on, make_topic, on, said

from chassis import outbox
from chassis.consume import Consumer, knows
from chassis.database import Database
from chassis.relay import Relay
from chassis.testing import FrozenClock
from devstack.home import Home
from devstack.kafka import Installation, Kafka
from devstack.ports import free_port
from devstack.processes import Processes, wait_until


@dataclass
class Broker:
    kafka: Kafka
    processes: Processes

    def start(self) -> None:
        self.processes.start(self.kafka.program())
        wait_until(self.kafka.is_ready, "Kafka")

    def stop(self) -> None:
        self.processes.stop("kafka")


@pytest.fixture
def broker() -> Iterator[Broker]:
    installation = Installation()
    installation.ensure()
    with tempfile.TemporaryDirectory(prefix="relink-tests-") as directory:
        home, port = Home(Path(directory)), free_port()
        kafka = Kafka(installation, home.broker, port, free_port([port]))
        kafka.create()
        broker = Broker(kafka, Processes(home))
        broker.start()
        yield broker
        broker.stop()


async def test_a_clean_stop_longer_than_the_request_timeout_loses_nothing_and_costs_no_core(
    broker: Broker, database: Database, database_url: str
) -> None:
    address = broker.kafka.address
    topic = await make_topic(address, "stub.thing.events.v1", partitions=3)
    await make_topic(address, "stub.dlq")
    event, diary, stopping = on(topic, ThingHappened), Diary(), asyncio.Event()
    consumer = Consumer("stub", database, address, [knows(event, diary)], FrozenClock(NOON), version="1")
    tasks = [asyncio.create_task(job.run(stopping)) for job in (Relay(database_url, address), consumer)]

    async def say(first: int, last: int) -> None:
        for number in range(first, last):
            async with database.transaction() as tx:
                await outbox.add(tx, said(a_thing(f"thg_{number % 7}", event, number=number)))

    await say(0, 200)
    await eventually(lambda: len(set(diary.numbers)) == 200)
    saying = asyncio.create_task(say(200, 400))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(broker.stop)
    await saying
    before = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.sleep(45)
    after = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.to_thread(broker.start)
    await say(400, 420)
    await eventually(lambda: set(diary.numbers) == set(range(420)), seconds=90)
    stopping.set()
    await asyncio.gather(*tasks)

    sequences: dict[bytes, list[int]] = {}
    for record in await everything_on(address, topic):
        sequences.setdefault(record.key, []).append(int(dict(record.headers)["ce_sequence"]))
    for found in sequences.values():
        assert list(dict.fromkeys(found)) == list(range(1, 61))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert cpu < 36, f"{cpu:.1f} s of CPU in 45 s without a broker, where aiokafka left alone takes all 45"
