"""The real consumer and relay on a real Kafka, in topics of this test's own: a connection comes in, lists go out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from build_sync_svc import NOON, TWO_DAYS, Worker

from chassis.consume import Consumer, Handler
from chassis.kafka import Sender
from chassis.relay import Relay
from devstack.topics import read_to_end
from relink_contracts.envelope import EventData, speaker, to_record
from relink_contracts.events import ConnectionEstablished, ConnectionState, ListEntry, SyncCompleted, SyncRequested
from relink_contracts.testing import a
from sync_svc.handlers import handlers

SAID_ELSEWHERE = """
CREATE TABLE stand_ins (topic text PRIMARY KEY, stand_in text);
CREATE FUNCTION say_elsewhere() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.topic := (SELECT stand_in FROM stand_ins s WHERE s.topic = NEW.topic); RETURN NEW; END';
CREATE TRIGGER say_elsewhere BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION say_elsewhere()
"""

say = speaker("connection-svc")


@pytest.fixture
async def topics(new_topic: Any, worker: Worker) -> dict[str, str]:
    """For each topic that sync-svc hears or says, the one that stands in for it here."""
    named = sorted({handler.event.TOPIC for handler in handlers(interval=TWO_DAYS)} | {ListEntry.TOPIC})
    stand_ins = {name: await new_topic(name.removesuffix(".v1"), partitions=3) for name in named}
    async with worker.database.acquire() as tx:
        await tx.execute(SAID_ELSEWHERE)
        await tx.executemany("INSERT INTO stand_ins VALUES ($1, $2)", list(stand_ins.items()))
    return stand_ins


def moved(handler: Handler, topics: dict[str, str]) -> Handler:
    return replace(
        handler, event=type(handler.event.__name__, (handler.event,), {"TOPIC": topics[handler.event.TOPIC]})
    )


@asynccontextmanager
async def working(worker: Worker, database_url: str, kafka: str, topics: dict[str, str]) -> AsyncIterator[Consumer]:
    heard = [moved(handler, topics) for handler in handlers(interval=TWO_DAYS)]
    group = topics[ListEntry.TOPIC].replace("accounting", "sync-svc")  # of this test's own
    consumer = Consumer(group, worker.database, kafka, heard, worker.clock, version="test")
    stopping = asyncio.Event()
    jobs = [asyncio.create_task(job.run(stopping)) for job in (consumer, Relay(database_url, kafka))]
    try:
        yield consumer
    finally:
        stopping.set()
        await asyncio.gather(*jobs)


async def send(kafka: str, topics: dict[str, str], *events: tuple[EventData, int]) -> None:
    sender = Sender(kafka)
    records = [to_record(say(event, at=NOON), sequence) for event, sequence in events]
    await sender.send([record._replace(topic=topics[record.topic]) for record in records])
    await sender.close()


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(40):
        while not await holds():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.1)


async def types_on(kafka: str, topic: str) -> list[str]:
    def read() -> list[str]:
        return [dict(message.headers())["ce_type"].decode() for message in read_to_end(kafka, topic)]

    return await asyncio.to_thread(read)


async def test_a_new_connection_has_its_lists_read_and_said_once(
    worker: Worker, database_url: str, kafka: str, topics: dict[str, str]
) -> None:
    established = ((a(ConnectionState), 1), (a(ConnectionEstablished), 2))

    async def said(entries: int) -> bool:
        return await types_on(kafka, topics[ListEntry.TOPIC]) == entries * [ListEntry.TYPE]

    async with working(worker, database_url, kafka, topics) as consumer:
        await send(kafka, topics, *established)
        await eventually(worker.runner().step)
        await eventually(lambda: said(3))
        await send(kafka, topics, *established, (a(ConnectionEstablished, connection_id="con_2"), 1))
        await eventually(worker.runner().step)
        await eventually(lambda: said(6))
        assert await consumer.is_ready()

    runs = await types_on(kafka, topics[SyncCompleted.TOPIC])
    assert sorted(runs) == sorted(2 * [SyncRequested.TYPE, SyncCompleted.TYPE])
