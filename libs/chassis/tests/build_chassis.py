"""Builders of the chassis' tests: an event of its own, records good and bad, topics, and processes to be killed."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from confluent_kafka import Producer as ConfluentProducer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic as TopicSpecification
from httpx2 import ASGITransport, AsyncClient
from joserfc.jwk import OKPKey
from starlette.applications import Starlette

from chassis.database import Database
from chassis.service_tokens import Gate, ServiceSigner
from relink_contracts.envelope import Actor, EventData, Outgoing, Received, parse, read, speaker, to_record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TESTS = Path(__file__).parent


class ThingHappened(EventData):
    TYPE: ClassVar[str] = "relink.thing.happened.v1"
    TOPIC: ClassVar[str] = "testing.thing.events.v1"
    AGGREGATE: ClassVar[str] = "thing"

    thing_id: str
    number: int = 0
    note: str = ""

    def subject(self) -> str:
        return self.thing_id


class ThingState(ThingHappened):
    TYPE: ClassVar[str] = "relink.thing.state.v1"
    TOPIC: ClassVar[str] = "testing.thing.state.v1"


def on(topic: str, event: type[EventData] = ThingHappened) -> type[Any]:
    """The event, on a topic of this test's own."""
    return type(event.__name__, (event,), {"TOPIC": topic, "__module__": __name__})


def a_thing(thing_id: str = "thg_1", event: type[Any] = ThingHappened, **changes: Any) -> Any:
    return event(business_id="biz_1", actor=Actor(type="system", id="test"), thing_id=thing_id, **changes)


def said(data: Any, **changes: Any) -> Outgoing:
    return speaker("stub-svc")(data, **({"at": NOON} | changes))


def received(data: Any, sequence: int = 1, **changes: Any) -> Received[Any]:
    record = to_record(said(data, **changes), sequence)
    consumed = ConsumerRecord(record.topic, 0, 0, 0, 0, record.key, record.value, 0, 0, 0, tuple(record.headers))
    return read(parse(consumed), type(data), received_at=NOON)


async def make_topic(kafka: str, name: str, *, partitions: int = 1, **configs: str) -> str:
    admin = AdminClient({"bootstrap.servers": kafka})
    await asyncio.to_thread(
        admin.create_topics([TopicSpecification(name, partitions, 1, config=configs)])[name].result, 30
    )
    return name


async def drop_topics(kafka: str, names: Sequence[str]) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    deleted = admin.delete_topics(list(names))
    await asyncio.gather(*(asyncio.to_thread(each.result, 30) for each in deleted.values()))


async def produce(kafka: str, *records: Any) -> None:
    """Each is an Outgoing, or (topic, key, value, headers) as they stand."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, max_request_size=5_000_000)
    await producer.start()
    sent = []
    try:
        for number, record in enumerate(records, start=1):
            topic, key, value, headers = to_record(record, number) if isinstance(record, Outgoing) else record
            if key is None and value is None:  # which aiokafka refuses to send
                other = ConfluentProducer({"bootstrap.servers": kafka})
                other.produce(topic, headers=headers)
                await asyncio.to_thread(other.flush, 10)
                continue
            sent.append(await producer.send(topic, value, key=key, headers=list(headers)))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def everything_on(kafka: str, topic: str) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, max_partition_fetch_bytes=5_000_000)
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(topic)
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        records: list[ConsumerRecord] = []
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for found in (await consumer.getmany(timeout_ms=200)).values():
                records += found
        return records
    finally:
        await consumer.stop()


async def committed(kafka: str, group: str, topic: str, partition: int = 0) -> int | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        return await consumer.committed(TopicPartition(topic, partition))
    finally:
        await consumer.stop()


async def eventually(claim: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until the claim holds; `claim` may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            held = claim()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.05)


async def process(script: str, *arguments: str, waits_for_line: bool = True) -> asyncio.subprocess.Process:
    """A process of its own, to be signalled once it has said its first line. `script` is a file beside these tests."""
    path = [str(TESTS), str(TESTS / "stub_svc" / "src"), *os.environ.get("PYTHONPATH", "").split(":")]
    environment = os.environ | {"PYTHONPATH": ":".join(filter(None, path))}
    started = await asyncio.create_subprocess_exec(
        sys.executable, str(TESTS / "processes" / script), *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    if waits_for_line:
        assert started.stdout is not None
        await asyncio.wait_for(started.stdout.readline(), 30)
    return started


async def rolled_back(database: Database, work: Callable[[Any], Awaitable[Any]]) -> None:
    """Do this in a transaction that then fails."""
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as tx:
            await work(tx)
            raise ZeroDivisionError


def run(main: Coroutine[Any, Any, None]) -> None:
    """As the services do."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def say(line: str) -> None:
    """To whoever started this process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Diary:
    """A handler that notes what it is given. It first raises `failures`, one per attempt; `always` for ever."""

    def __init__(self, *failures: Exception, always: Exception | None = None, only: str | None = None) -> None:
        self._failures, self._always, self._only = list(failures), always, only
        self.attempts = 0
        self.events: list[Any] = []

    async def __call__(self, event: Received[Any], tx: Any) -> None:
        self.attempts += 1
        if self._only is None or event.subject == self._only:
            if self._failures:
                raise self._failures.pop(0)
            if self._always:
                raise self._always
        self.events.append(event)

    @property
    def numbers(self) -> list[int]:
        return [event.data.number for event in self.events]


def a_key() -> tuple[str, dict[str, str]]:
    """A service's private key as its setting, and the public half as its peers know it."""
    key = OKPKey.generate_key("Ed25519")
    return json.dumps(key.as_dict(private=True)), key.as_dict(private=False)


class People:
    """A gate with one peer that may speak for people, and tokens for it."""

    def __init__(self, audience: str = "stub-svc") -> None:
        private, public = a_key()
        self.audience, self._signer = audience, ServiceSigner("front", private)
        self.gate = Gate(audience, {"front": public}, {"front": ["admin", "member"]})

    def headers(
        self, subject: str = "usr_1", business_id: str = "biz_1", role: str = "admin", **more: str
    ) -> dict[str, str]:
        token = self._signer.token(self.audience, subject, business_id, role)
        return {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in more.items()}}


def client(app: Starlette) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app), base_url="http://stub")
