"""The real consumer on a real Kafka, in topics of this test's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from build_notifier_svc import NOON

from chassis.consume import Consumer, Handler
from chassis.database import Database
from chassis.kafka import Sender
from chassis.testing import FrozenClock
from notifier_svc.handlers import HANDLERS
from relink_contracts.envelope import EventData, RecordToSend, speaker, to_record
from relink_contracts.events import (
    ConnectionExpired,
    ConnectionReconnected,
    ConnectionState,
    Membership,
    ReconnectRequested,
)
from relink_contracts.testing import a

NewTopic = Callable[..., Awaitable[str]]
say = speaker("test-svc")


@pytest.fixture
async def topics(new_topic: NewTopic) -> dict[str, str]:
    """For each topic that notifier-svc hears, the one that stands in for it here."""
    named = sorted({handler.event.TOPIC for handler in HANDLERS})
    return {name: await new_topic(name.removesuffix(".v1"), partitions=3) for name in named}


def moved(handler: Handler, topics: dict[str, str]) -> Handler:
    event = type(handler.event.__name__, (handler.event,), {"TOPIC": topics[handler.event.TOPIC]})
    return replace(handler, event=event)


@asynccontextmanager
async def working(service: str, database: Database, kafka: str, topics: dict[str, str]) -> AsyncIterator[None]:
    handlers = [moved(handler, topics) for handler in HANDLERS]
    consumer = Consumer(service, database, kafka, handlers, FrozenClock(NOON), version="test")
    stopping = asyncio.Event()
    running = asyncio.create_task(consumer.run(stopping))
    yield
    stopping.set()
    await running


async def send(kafka: str, topics: dict[str, str], records: list[RecordToSend]) -> None:
    sender = Sender(kafka)
    assert await sender.send([record._replace(topic=topics[record.topic]) for record in records]) == [None] * len(
        records
    )
    await sender.close()


def said(*data: tuple[EventData, int]) -> list[RecordToSend]:
    return [to_record(say(event, at=NOON), sequence) for event, sequence in data]


async def stages(database: Database) -> list[tuple[str, str]]:
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT stage, channel FROM notices ORDER BY notice_id")
    return [(row["stage"], row["channel"]) for row in rows]


async def eventually(database: Database, expected: list[tuple[str, str]]) -> None:
    async with asyncio.timeout(30):
        while await stages(database) != expected:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.1)


async def test_an_expiry_is_told_once_though_everything_is_delivered_again(
    database: Database, kafka: str, topics: dict[str, str], new_topic: NewTopic
) -> None:
    service = (await new_topic("notifier-svc")).replace(".", "-")  # a consumer group of this test's own
    records = said(
        (a(ConnectionExpired), 2),
        (a(ReconnectRequested), 3),
        (a(Membership), 1),
        (a(ConnectionState), 1),
    )
    async with working(service, database, kafka, topics):
        await send(kafka, topics, records)
        await eventually(database, [("expired", "in_app"), ("expired", "mail")])
        await send(kafka, topics, records)
        await send(kafka, topics, said((a(ConnectionReconnected), 4)))
        await eventually(database, [("expired", "in_app"), ("expired", "mail"), ("repaired", "in_app")])
