"""Events that benchmarks hear: a middling one of ours, on topics of the run's own, filled before anything is timed."""

import asyncio
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaProducer, ConsumerRecord

from relink_contracts.envelope import Actor, EventData, Received, parse, read, speaker, to_record
from relink_contracts.events import ListEntry

NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
say: Final = speaker("bench-svc")


def on(topic: str) -> type[ListEntry]:
    """The event class, on that topic."""
    return type("ListEntry", (ListEntry,), {"TOPIC": topic, "__module__": __name__})


def an_entry(event: type[ListEntry], number: int, *, version: int = 1) -> ListEntry:
    """An account as a provider has it; with headers and key a record of about 1 KB."""
    return event(
        business_id="biz_bench",
        actor=Actor(type="system", id="sync-svc"),
        connection_id="con_019a770000007000800000000000000a",
        list="accounts",
        external_id=f"{number:08d}",
        name=f"Motor vehicle expenses {number}",
        code=str(4000 + number % 1000),
        type="EXPENSE",
        tax_treatment="INPUT2",
        active=True,
        list_version=version,
    )


async def fill(kafka: str, said: Iterable[tuple[EventData, int]]) -> None:
    """Say each event with its sequence number, in this order."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sent = []
        for data, sequence in said:
            topic, key, value, headers = to_record(say(data, at=NOW), sequence)
            sent.append(await producer.send(topic, value, key=key, headers=headers))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def a_heard(data: ListEntry) -> Received[ListEntry]:
    """The event as a handler gets it, with an id of its own."""
    topic, key, value, headers = to_record(say(data, at=NOW), 1)
    record = ConsumerRecord(topic, 0, 0, 0, 0, key, value, 0, 0, 0, tuple(headers))
    return read(parse(record), type(data), received_at=NOW)


def new_group() -> str:
    """A group that has read nothing yet."""
    return f"bench-{uuid.uuid4().hex}"


class _StandingClock:
    def now(self) -> datetime:
        return NOW


CLOCK: Final = _StandingClock()
