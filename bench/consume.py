"""The whole way of a record to a handler that does nothing, beside FastStream and aiokafka with nothing around them.

Ours: a batch from FastStream, the size check, the envelope, dispatch by type, typed data, a task per key, a place among
the transactions in hand, the failure policy, metrics, the commit of explicit offsets. The transaction itself is left
out, by a stand-in for the database: what it costs is the matter of `inbox` and `batch`, and no peer has one.

FastStream: a batch subscriber with its own parser and acknowledgement, and a decoder that makes of each record the very
event that our handlers get. aiokafka: `getmany`, the same decoding and an explicit commit; once more with the value
alone read by the same pydantic model, which is what client and pydantic allow and of no use to a service.

All take at most 500 records at a time of the same topic (3 partitions, 1,000 keys) from its beginning, as a new group
on the same event loop, with the same fetch size and the garbage collector as `chassis.run.serve` sets it, and commit
after each batch. The clock runs from the first record taken to the last one handled.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from bench.ground import Ground
from bench.no_database import NoDatabase
from bench.records import CLOCK, NOW, an_entry, fill, new_group, on
from bench.runner import AtLeast, Case, interleaved
from bench.stopwatch import Stopwatch
from chassis.consume import Consumer, knows
from chassis.database import Tx
from chassis.observe import configure_logging
from relink_contracts.envelope import Received, parse, read
from relink_contracts.events import ListEntry
from relink_contracts.fields import READING

KEYS: Final = 1_000
MOST: Final = 500
LIKE_OURS: Final[dict[str, Any]] = {"auto_offset_reset": "earliest", "max_partition_fetch_bytes": 4_000_000}

Read = Callable[[ConsumerRecord], object]


async def run(ground: Ground, *, small: bool) -> list[Case]:
    records = 20_000 if small else 100_000
    configure_logging("bench", "error")
    topic = await ground.topic("bench.consume.events", partitions=3)
    event = on(topic)
    await fill(ground.kafka, ((an_entry(event, number % KEYS), 1 + number // KEYS) for number in range(records)))
    sides = (
        partial(ours, ground.kafka, event, records),
        partial(faststream, ground.kafka, event, records),
        partial(aiokafka, ground.kafka, event.TOPIC, records, partial(whole, event)),
        partial(aiokafka, ground.kafka, event.TOPIC, records, partial(value_alone, event)),
    )
    found, by_faststream, by_aiokafka, by_pydantic = await interleaved(*sides)
    return [
        Case("FastStream's batch subscriber", "records/s", found, by_faststream, AtLeast(0.9)),
        Case("aiokafka, the same decoding", "records/s", found, by_aiokafka, AtLeast(0.5)),
        Case("aiokafka, the value alone", "records/s", found, by_pydantic, None),
    ]


def whole(event: type[ListEntry], record: ConsumerRecord) -> object:
    return read(parse(record), event, received_at=NOW)


def value_alone(event: type[ListEntry], record: ConsumerRecord) -> object:
    return event.model_validate_json(record.value, strict=True, extra="ignore", context=READING)


async def ours(kafka: str, event: type[ListEntry], records: int) -> float:
    stopwatch, stopping = Stopwatch(records), asyncio.Event()

    async def nothing(_event: Received[ListEntry], _tx: Tx) -> None:
        stopwatch.begin()
        stopwatch.count()

    consumer = Consumer(new_group(), NoDatabase(), kafka, [knows(event, nothing)], CLOCK, version="bench")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(stopping))
        await stopwatch.is_over.wait()
        stopping.set()
    return stopwatch.rate


async def faststream(kafka: str, event: type[ListEntry], records: int) -> float:
    stopwatch = Stopwatch(records)
    broker = KafkaBroker(kafka, logger=None, apply_types=False)
    limits: dict[str, Any] = {"batch": True, "max_records": MOST, "batch_timeout_ms": 50, **LIKE_OURS}
    subscriber: Any = broker.subscriber(event.TOPIC, group_id=new_group(), ack_policy=AckPolicy.ACK, **limits)

    async def typed(message: KafkaMessage) -> list[object]:
        stopwatch.begin()
        return [whole(event, record) for record in message.raw_message]

    async def nothing(events: Sequence[object]) -> None:
        stopwatch.count(len(events))

    subscriber(nothing, decoder=typed)
    await broker.start()
    await stopwatch.is_over.wait()
    await broker.stop()
    return stopwatch.rate


async def aiokafka(kafka: str, topic: str, records: int, read_one: Read) -> float:
    stopwatch = Stopwatch(records)
    settings = {"bootstrap_servers": kafka, "group_id": new_group(), "enable_auto_commit": False, **LIKE_OURS}
    consumer = AIOKafkaConsumer(topic, **settings)
    await consumer.start()
    try:
        while not stopwatch.is_over.is_set():
            offsets: dict[TopicPartition, int] = {}
            for partition, found in (await consumer.getmany(timeout_ms=50, max_records=MOST)).items():
                stopwatch.begin()
                for record in found:
                    read_one(record)
                stopwatch.count(len(found))
                offsets[partition] = found[-1].offset + 1
            if offsets:
                await consumer.commit(offsets)
    finally:
        await consumer.stop()
    return stopwatch.rate
