"""A broker of this module's own goes away and comes back under load. One broker: this proves restarts, not failover."""

import asyncio
import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from build_chassis import NOON, Diary, ThingHappened, a_thing, eventually, everything_on, make_topic, on, produce, said

from chassis import outbox
from chassis.consume import Consumer, knows
from chassis.database import Database
from chassis.kafka import Sender
from chassis.relay import Relay
from chassis.tail import tail
from chassis.testing import FrozenClock
from devstack.home import Home
from devstack.kafka import Installation, Kafka
from devstack.ports import free_port
from devstack.processes import Processes, wait_until
from relink_contracts.envelope import RecordToSend, parse, read


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


class Attempts(logging.Handler):
    """Counts the connections that Kafka's client tried in vain: it says each in a line of its log."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.getMessage().startswith("Unable connect to")


@pytest.fixture
def attempts() -> Iterator[Attempts]:
    attempts = Attempts()
    logging.getLogger("aiokafka").addHandler(attempts)
    yield attempts
    logging.getLogger("aiokafka").removeHandler(attempts)


async def test_a_clean_stop_longer_than_the_request_timeout_loses_nothing_and_nobody_storms_the_port(
    broker: Broker, database: Database, database_url: str, attempts: Attempts
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
    await asyncio.sleep(20)
    attempts.count = 0
    await asyncio.sleep(25)
    while_away = attempts.count
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
    assert while_away < 1_000, f"{while_away} attempts in 25 s, where aiokafka left alone makes 100,000"


async def test_a_tail_waits_for_a_broker_that_is_away_and_hears_what_is_said_when_it_is_back(
    broker: Broker, attempts: Attempts
) -> None:
    address, heard = broker.kafka.address, Diary()
    topic = await make_topic(address, "stub.thing.events.v1", partitions=3)
    event, caught_up = on(topic, ThingHappened), asyncio.Event()

    async def hear(received: Any) -> None:
        await heard(received, None)

    def decode(record: Any) -> Any:
        envelope = parse(record)
        return read(envelope, event, received_at=envelope.time)

    async def say(*numbers: int) -> None:
        await produce(address, *(said(a_thing(f"thg_{number}", event, number=number)) for number in numbers))

    task = asyncio.create_task(tail(address, [topic], hear, decode=decode, caught_up=caught_up))
    await asyncio.wait_for(caught_up.wait(), 20)
    await say(1, 2)
    await eventually(lambda: sorted(heard.numbers) == [1, 2])
    await asyncio.to_thread(broker.stop)
    await asyncio.sleep(5)
    attempts.count = 0
    await asyncio.sleep(15)
    while_away = attempts.count
    await asyncio.to_thread(broker.start)
    await say(3, 4)
    await eventually(lambda: sorted(heard.numbers) == [1, 2, 3, 4])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert while_away < 50, f"{while_away} attempts in 15 s, where aiokafka left alone makes hundreds or thousands"


async def test_a_broker_that_freezes_in_the_middle_of_a_send_costs_a_producer_and_not_the_process(
    broker: Broker,
) -> None:
    address = broker.kafka.address
    topic = await make_topic(address, "frozen")
    sender, record = Sender(address), RecordToSend(topic, b"thing_1", b"{}", [])
    assert await sender.send([record]) == [None]
    kafka = broker.processes.running("kafka")
    assert kafka is not None

    os.kill(kafka.pid, signal.SIGSTOP)
    try:
        [outcome] = await sender.send([record])
    finally:
        os.kill(kafka.pid, signal.SIGCONT)

    assert isinstance(outcome, TimeoutError)
    assert await sender.send([record]) == [None]
    await sender.close()
