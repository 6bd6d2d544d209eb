"""The real consumer on a real Kafka, in topics of this test's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from build_list_svc import NOON

from chassis.consume import Consumer, Handler
from chassis.database import Database
from chassis.kafka import Sender
from chassis.testing import FrozenClock
from list_svc.domain.lists import Completeness
from list_svc.handlers import HANDLERS
from list_svc.store import connections, entries
from relink_contracts.envelope import EventData, RecordToSend, Tombstone, speaker, to_record
from relink_contracts.events import ConnectionState, ListEntry, SyncCompleted, SyncedList
from relink_contracts.testing import a

NewTopic = Callable[..., Awaitable[str]]
say = speaker("test-svc")


@pytest.fixture
async def topics(new_topic: NewTopic) -> dict[str, str]:
    """For each topic that list-svc hears, the one that stands in for it here."""
    named = sorted({handler.event.TOPIC for handler in HANDLERS})
    return {name: await new_topic(name.removesuffix(".v1"), partitions=3) for name in named}


def moved(handler: Handler, topics: dict[str, str]) -> Handler:
    event = type(handler.event.__name__, (handler.event,), {"TOPIC": topics[handler.event.TOPIC]})
    return replace(handler, event=event)


@asynccontextmanager
async def working(service: str, database: Database, kafka: str, topics: dict[str, str]) -> AsyncIterator[Consumer]:
    handlers = [moved(handler, topics) for handler in HANDLERS]
    consumer = Consumer(service, database, kafka, handlers, FrozenClock(NOON), version="test")
    stopping = asyncio.Event()
    running = asyncio.create_task(consumer.run(stopping))
    yield consumer
    stopping.set()
    await running


async def send(kafka: str, topics: dict[str, str], records: list[RecordToSend]) -> None:
    sender = Sender(kafka)
    assert await sender.send([record._replace(topic=topics[record.topic]) for record in records]) == [None] * len(
        records
    )
    await sender.close()


def said(*data: tuple[EventData | Tombstone, int]) -> list[RecordToSend]:
    """The records of these events with their sequences, said one second after the other."""
    return [
        to_record(say(event, at=NOON + timedelta(seconds=second)), sequence)
        for second, (event, sequence) in enumerate(data)
    ]


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.1)


def a_run(*, version: int, added: int = 0, removed: int = 0, total: int) -> SyncCompleted:
    accounts = SyncedList(
        added=added, updated=0, removed=removed, total=total, list_version=version, records_written=added + removed
    )
    return a(SyncCompleted, lists={"accounts": accounts})


async def test_lists_become_complete_and_stay_so_when_everything_is_delivered_again(
    database: Database, kafka: str, topics: dict[str, str], new_topic: NewTopic
) -> None:
    service = (await new_topic("list-svc")).replace(".", "-")  # a consumer group of this test's own

    async def complete() -> bool:
        async with database.transaction() as tx:
            lists = await entries.lists(tx, "con_1", "biz_demo")
            known = await connections.exists(tx, "con_1", "biz_demo")
        return known and [(one.entries, one.completeness) for one in lists] == [(2, Completeness.COMPLETE)]

    records = said(
        (a(ConnectionState), 1),
        (a_run(version=1, added=3, total=3), 2),
        *((a(ListEntry, external_id=code), 1) for code in ("400", "404", "429")),
        (Tombstone(ListEntry, "con_1/accounts/404", "con_1/accounts/404", "biz_demo"), 2),
        (a_run(version=2, removed=1, total=2), 4),
    )
    async with working(service, database, kafka, topics) as consumer:
        await send(kafka, topics, records)
        await eventually(complete)
        await send(kafka, topics, records)
        await send(kafka, topics, said((a(ListEntry, connection_id="con_2"), 1)))
        await eventually(lambda: arrived(database, "con_2"))
        assert await complete()
        assert await consumer.is_ready()


async def arrived(database: Database, connection_id: str) -> bool:
    async with database.transaction() as tx:
        return len(await entries.lists(tx, connection_id, "biz_demo")) == 1
