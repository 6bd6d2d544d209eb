"""The real consumer on a real Kafka, in topics of this test's own; what we say is read from the outbox."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

from build_publish_svc import BILL, NOON, World, a_connection, a_queued_item

from chassis.consume import Consumer, Handler
from chassis.kafka import Sender
from publish_svc.domain.connections import Gate
from publish_svc.handlers import HANDLERS
from relink_contracts.envelope import EventData, RecordToSend, speaker, to_record
from relink_contracts.events import (
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionReconnected,
    ConnectionState,
    SyncCompleted,
)
from relink_contracts.testing import a

NewTopic = Callable[..., Awaitable[str]]
say = speaker("test-svc")


def moved(handler: Handler, topics: dict[str, str]) -> Handler:
    event = type(handler.event.__name__, (handler.event,), {"TOPIC": topics[handler.event.TOPIC]})
    return replace(handler, event=event)


async def send(kafka: str, topics: dict[str, str], *records: RecordToSend) -> None:
    """Each record twice: Kafka promises no less."""
    sender = Sender(kafka)
    doubled = [record._replace(topic=topics[record.topic]) for record in records for _ in range(2)]
    assert await sender.send(doubled) == [None] * len(doubled)
    await sender.close()


def record(data: EventData, sequence: int) -> RecordToSend:
    return to_record(say(data, at=NOON), sequence)


async def eventually(world: World, connection_id: str, gate: Gate) -> None:
    """The gate is there, told by Kafka or moved on by a worker."""
    async with asyncio.timeout(30):
        while (await world.connection(connection_id)).gate is not gate:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.05)


async def test_an_expiry_and_a_reconnect_over_kafka_hold_and_release_each_item_once_and_in_order(
    world: World, kafka: str, new_topic: NewTopic
) -> None:
    topics = {name: await new_topic(name) for name in {handler.event.TOPIC for handler in HANDLERS}}
    handlers = [moved(handler, topics) for handler in HANDLERS]
    consumer = Consumer(f"publish-svc-{uuid4().hex}", world.database, kafka, handlers, world.clock, version="test")
    connection = await world.store(a_connection(sequence=0))
    about = {"connection_id": connection.id, "business_id": connection.business_id}
    stopping = asyncio.Event()
    running = asyncio.create_task(consumer.run(stopping))

    await send(kafka, topics, record(a(ConnectionEstablished, lifecycle="active", generation=1, **about), 1))
    await send(kafka, topics, record(a(ConnectionExpired, lifecycle="expired", generation=1, **about), 2))
    await eventually(world, connection.id, Gate.CLOSED)
    for number in range(1, 6):
        await world.store_behind(connection, a_queued_item(bill=replace(BILL, number=f"INV-{number}")))
    await world.run()
    assert world.provider.bills == []

    await send(kafka, topics, record(a(ConnectionReconnected, lifecycle="active", generation=2, **about), 3))
    await send(kafka, topics, record(a(ConnectionState, lifecycle="active", generation=2, **about), 4))
    await eventually(world, connection.id, Gate.WAITING_FOR_LISTS)
    await send(kafka, topics, record(a(SyncCompleted, generation=2, **about), 1))
    await eventually(world, connection.id, Gate.CANARY)
    await world.run()

    stopping.set()
    await running
    assert world.provider.numbers == [f"INV-{number}" for number in range(1, 6)]
    said = [event["what"] for event in await world.said()]
    assert (said.count("item.publish-failed"), said.count("item.held")) == (1, 5)
    assert (said.count("release.started"), said.count("release.finished"), said.count("item.published")) == (1, 1, 5)
