"""Records as they lie in a topic, put there and read without the code under test."""

import asyncio
from dataclasses import dataclass
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

_READING: Final = {"group.id": "raw", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0}
_LARGEST: Final = 2_000_000


@dataclass(frozen=True)
class Raw:
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> str:
        return dict(self.headers)[name].decode()


async def put(kafka: str, topic: str, partition: int, record: Raw) -> int:
    """Put it there, and answer its offset once it is confirmed."""
    producer = Producer({"bootstrap.servers": kafka, "message.max.bytes": _LARGEST, "log_level": 0})
    confirmed: list[Message] = []

    def note(failure: object, message: Message) -> None:
        assert failure is None, failure
        confirmed.append(message)

    told = {"key": record.key, "value": record.value, "headers": list(record.headers), "partition": partition}
    producer.produce(topic, **told, on_delivery=note)
    await asyncio.to_thread(producer.flush, 30)
    return confirmed[0].offset()


async def read(kafka: str, topic: str) -> list[Raw]:
    """Everything on the topic now, partition by partition."""
    return await asyncio.to_thread(_read, kafka, topic)


async def committed(kafka: str, group: str, topic: str) -> dict[int, int]:
    """The group's offset in each partition that it has one in."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False, "log_level": 0})
    try:
        partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        asked = [TopicPartition(topic, number) for number in partitions]
        return {each.partition: each.offset for each in await asyncio.to_thread(consumer.committed, asked, 20)}
    finally:
        consumer.close()


def _read(kafka: str, topic: str) -> list[Raw]:
    consumer = Consumer({"bootstrap.servers": kafka, "fetch.message.max.bytes": _LARGEST, **_READING})
    try:
        partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        unread, records = set(partitions), []
        while unread:
            message = consumer.poll(20)
            assert message is not None, f"Kafka stopped answering while {topic} was read"
            if message.error() is None:
                records.append(Raw(message.key(), message.value(), tuple(message.headers() or ())))
            else:
                unread.discard(message.partition())
        return records
    finally:
        consumer.close()
