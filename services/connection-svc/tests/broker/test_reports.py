"""The real consumer on a real Kafka, in topics of this test's own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

from build_connection_svc import BUSINESS, NOON, a_connection, some_tokens, stored

from chassis.consume import Consumer, Handler
from chassis.database import Database
from chassis.kafka import Sender
from chassis.testing import FrozenClock
from connection_svc.handlers import HANDLERS
from relink_contracts.envelope import RecordToSend, speaker, to_record
from relink_contracts.events import ItemPublishFailed, SyncFailed
from relink_contracts.testing import a

NewTopic = Callable[..., Awaitable[str]]
say = speaker("test-svc")


def moved(handler: Handler, topics: dict[str, str]) -> Handler:
    event = type(handler.event.__name__, (handler.event,), {"TOPIC": topics[handler.event.TOPIC]})
    return replace(handler, event=event)


async def send(kafka: str, topics: dict[str, str], records: list[RecordToSend]) -> None:
    sender = Sender(kafka)
    results = await sender.send([record._replace(topic=topics[record.topic]) for record in records])
    await sender.close()
    assert results == [None] * len(records)


async def connections_due(database: Database) -> set[str]:
    async with database.acquire() as tx:
        return {row["connection_id"] for row in await tx.fetch("SELECT connection_id FROM connection_checks")}


async def until(due: set[str], database: Database) -> None:
    async with asyncio.timeout(30):
        while await connections_due(database) != due:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.1)


async def test_reports_from_kafka_are_due_once_though_they_are_delivered_again(
    database: Database, kafka: str, new_topic: NewTopic
) -> None:
    topics = {handler.event.TOPIC: await new_topic(handler.event.TOPIC.removesuffix(".v1")) for handler in HANDLERS}
    async with database.transaction() as tx:
        publishing = await stored(tx, a_connection(), some_tokens())
        syncing = await stored(tx, a_connection(organisation=None), some_tokens())
    failures = [
        a(ItemPublishFailed, class_="connection", connection_id=publishing.id),
        a(ItemPublishFailed, class_="connection", connection_id=publishing.id, item_id="itm_2"),
        a(ItemPublishFailed, class_="validation", connection_id=syncing.id),
        a(SyncFailed, blames="connection", connection_id=syncing.id),
    ]
    records = [to_record(say(failure, at=NOON), 1) for failure in failures]
    handlers = [moved(handler, topics) for handler in HANDLERS]
    consumer = Consumer(f"connection-svc-{uuid4().hex}", database, kafka, handlers, FrozenClock(NOON), version="test")
    stopping = asyncio.Event()
    running = asyncio.create_task(consumer.run(stopping))

    await send(kafka, topics, records)
    await until({publishing.id, syncing.id}, database)
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM connection_checks WHERE business_id = $1", BUSINESS)
    third = a(SyncFailed, blames="connection", connection_id=publishing.id, sync_id="syn_2")
    await send(kafka, topics, [*records, to_record(say(third, at=NOON), 1)])
    await until({publishing.id}, database)

    stopping.set()
    await running
    assert await connections_due(database) == {publishing.id}
