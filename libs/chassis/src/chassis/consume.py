"""From Kafka to a service's handlers: a handler sees an event and a transaction, never a broker.

Records are taken in batches and grouped by key; keys run side by side, each key in order. Offsets are committed per
partition, up to the first record that is not settled. What happens when something fails is in failures.py.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from opentelemetry import trace
from relink_contracts.envelope import (
    MAX_RECORD_BYTES,
    EventData,
    KafkaRecord,
    Received,
    Undecodable,
    UnknownType,
    is_state,
    parse,
    read,
)

from chassis import inbox, metrics
from chassis.clock import Clock
from chassis.database import Database, Tx
from chassis.failures import Batch, FailurePolicy, NotYetKnown, Settled
from chassis.kafka import is_reachable, size_of
from chassis.observe import link_to

__all__ = ["Consumer", "Handler", "NotYetKnown", "knows", "reacts", "tail"]

_DRAIN_SECONDS: Final = 50
"""Longer than a batch may wait (30 s) with a statement's time (20 s), shorter than the rebalance (60 s)."""

_SENT_BACK_SECONDS: Final = 5.0
_FETCH_BYTES: Final = 4_000_000
"""Above any record a topic takes: aiokafka steps over one that does not fit, with a line in the log."""

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer("chassis.consume")

E = TypeVar("E", bound=EventData)


@dataclass(frozen=True)
class Handler:
    """What a service does about one type of event; made by `knows` and `reacts`."""

    event: type[EventData]
    function: Callable[[Received[Any], Tx], Awaitable[None]]
    once: bool

    async def deliver(self, event: Received[EventData], tx: Tx, consumer: str) -> bool:
        """False if `consumer` has reacted to this event before."""
        if self.once and not await inbox.first_time(tx, consumer, event):
            return False
        await self.function(event, tx)
        return True


def knows(event: type[E], function: Callable[[Received[E], Tx], Awaitable[None]]) -> Handler:
    """`function` keeps our picture of somebody else's entity: it must ignore what is older than what it has seen."""
    return Handler(event, function, once=False)


def reacts(event: type[E], function: Callable[[Received[E], Tx], Awaitable[None]]) -> Handler:
    """`function` does something once for each event, by the inbox."""
    return Handler(event, function, once=True)


class Consumer:
    """Hears for one service. State topics are read to their end, in a group of their own, before events are taken."""

    name = "consumer"

    def __init__(  # noqa: PLR0913 - built once, in main
        self, service: str, database: Database, kafka: str, handlers: Collection[Handler], clock: Clock, *, version: str
    ) -> None:
        """`kafka` is bootstrap servers. Raises ValueError when two handlers react to one type of event."""
        self._service, self._database, self._kafka, self._clock = service, database, kafka, clock
        self._handlers: dict[str, list[Handler]] = defaultdict(list)
        for handler in handlers:
            if handler.once and any(other.once for other in self._handlers[handler.event.TYPE]):
                raise ValueError(f"two handlers react to {handler.event.TYPE}: their inbox row would be the same")
            self._handlers[handler.event.TYPE].append(handler)
        # Two connections of the pool are left to whatever else the process does.
        self._room = asyncio.Semaphore(max(1, database.max_size - 2))
        self._failures = FailurePolicy(service, kafka, version)
        states = {handler.event.TOPIC for handler in handlers if is_state(handler.event)}
        events = {handler.event.TOPIC for handler in handlers} - states
        self._states = _Group(kafka, f"{service}.state", states, self._settle, self._failures) if states else None
        self._events = _Group(kafka, service, events, self._settle, self._failures) if events else None
        self._begun = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`, then the batch in hand. Database and broker may go away and come back."""
        groups = [group for group in (self._states, self._events) if group is not None]
        try:
            for group in groups:
                await group.start(stopping)
                if group is self._states:
                    await group.read_to_the_end(stopping)
            self._begun = True
            await stopping.wait()
        finally:
            await asyncio.gather(*(group.stop() for group in groups))
            await self._failures.close()

    async def is_ready(self) -> bool:
        """Whether it takes events: not before the states were read, not when stopped or long without the database."""
        groups = [group for group in (self._states, self._events) if group is not None]
        return self._begun and all(group.has_joined for group in groups) and self._failures.are_bearable

    async def _settle(self, record: ConsumerRecord, batch: Batch) -> Settled:
        if size_of(record) > MAX_RECORD_BYTES:
            return await self._failures.put_aside(record, "too_large", ValueError(f"{size_of(record)} bytes"))
        try:
            handlers, event = self._read(record)
        except UnknownType:
            self._count(record, "unknown_type")
            return Settled.PASSED
        except Undecodable as problem:
            return await self._failures.put_aside(record, problem.reason, problem)
        settled = await self._failures.tried(lambda: self._handle(handlers, event, record), record, batch)
        if settled is Settled.PARKED:
            self._count(record, "dead_lettered")
        return settled

    def _read(self, record: ConsumerRecord) -> tuple[list[Handler], Received[EventData]]:
        envelope = parse(record)
        handlers = self._handlers.get(envelope.type)
        if handlers is None:
            raise UnknownType(envelope.type)
        return handlers, read(envelope, handlers[0].event, received_at=self._clock.now())

    async def _handle(self, handlers: list[Handler], event: Received[EventData], record: ConsumerRecord) -> None:
        link = link_to(record.headers)
        with (
            _tracer.start_as_current_span(event.type, kind=trace.SpanKind.CONSUMER, links=[link] if link else None),
            structlog.contextvars.bound_contextvars(event=event.type, event_id=str(event.id), subject=event.subject),
        ):
            async with self._room, self._database.transaction() as tx:
                with metrics.handling_seconds.labels(self._service, event.type).time():
                    delivered = [await handler.deliver(event, tx, self._service) for handler in handlers]
        self._count(record, "handled" if any(delivered) else "duplicate")

    def _count(self, record: ConsumerRecord, outcome: str) -> None:
        metrics.events.labels(self._service, record.topic, outcome).inc()


class _Group(ConsumerRebalanceListener):
    """One consumer group and this process' part in it."""

    def __init__(
        self,
        kafka: str,
        group_id: str,
        topics: Collection[str],
        settle: Callable[[ConsumerRecord, Batch], Awaitable[Settled]],
        failures: FailurePolicy,
    ) -> None:
        self._kafka, self._topics, self._group_id, self._settle, self._failures = (
            kafka,
            topics,
            group_id,
            settle,
            failures,
        )
        self._hurry = asyncio.Event()
        self._stopping = False
        self.has_joined = False
        self._broker = KafkaBroker(
            kafka,
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            graceful_timeout=12.0,
            logger=logging.getLogger("faststream"),
        )
        self._subscriber = self._broker.subscriber(
            *topics,
            group_id=group_id,
            batch=True,
            max_records=500,
            batch_timeout_ms=50,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            listener=self,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
            rebalance_timeout_ms=60_000,
            max_partition_fetch_bytes=_FETCH_BYTES,
            parser=_unread,
            decoder=_records,
            no_reply=True,
        )
        self._subscriber(self._take)

    @property
    def _consumer(self) -> AIOKafkaConsumer:
        return self._subscriber.consumer

    async def start(self, stopping: asyncio.Event) -> None:
        """Join the group; waits for a broker that is away."""
        while not stopping.is_set():
            try:
                if await is_reachable(self._kafka):
                    await self._broker.start()
                    return
                error = "no broker answers"
            except KafkaError as trouble:
                await self._broker.stop()
                error = str(trouble)
            _log.warning("consumer.waiting", group=self._group_id, error=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1)

    async def stop(self) -> None:
        self._stopping = True
        self._hurry.set()
        await self._broker.stop()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nobody else gets a partition before our batch is settled and committed.

        The subscriber's own lock is what tells: it is taken in the very tick in which records leave the client, where
        "is my handler running" would miss a batch on its way. It is FastStream's inside: hence the pinned version.
        """
        self._hurry.set()
        await self._subscriber.lock.wait_release(_DRAIN_SECONDS)
        if not self._subscriber.lock.empty:
            _log.error("consumer.batch_outlasted_rebalance", group=self._group_id)
        if not self._stopping:
            self._hurry.clear()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self.has_joined = True

    async def read_to_the_end(self, stopping: asyncio.Event) -> None:
        """Returns when the group, this process or another, has settled what stands in its topics now."""
        partitions = [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in self._consumer.partitions_for_topic(topic) or ()
        ]
        begins = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        behind = {partition for partition in partitions if begins[partition] < ends[partition]}
        while behind and not stopping.is_set():
            behind = {partition for partition in behind if not await self._has_read(partition, ends[partition])}
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 0.1 if behind else 0)
        _log.info("consumer.states_read", group=self._group_id, partitions=len(partitions))

    async def _has_read(self, partition: TopicPartition, end: int) -> bool:
        if (await self._consumer.committed(partition) or 0) >= end:
            return True
        if partition not in self._consumer.assignment():
            return False
        # Compaction may have left no record before the end: then there is none to be settled, and none to commit.
        position = await self._consumer.position(partition)
        return bool(position >= end and self._subscriber.lock.empty)

    async def _take(self, records: tuple[ConsumerRecord, ...]) -> None:
        batch = Batch(records, self._hurry)
        keys: dict[object, list[ConsumerRecord]] = defaultdict(list)
        for record in records:
            keys[record.topic, record.partition, record.key].append(record)
        await asyncio.gather(*(self._one_key(each, batch) for each in keys.values()))
        offsets = {}
        for partition, settled in batch.settled.items():
            left = batch.first_left(partition)
            offsets[partition] = max(settled) + 1 if left is None else left
            if left is not None:
                self._send_back(partition, left)
        self._failures.remember(batch)
        try:
            await self._consumer.commit(offsets)
        except KafkaError as error:  # the group moved on, and others take these records again
            _log.warning("consumer.commit_failed", group=self._group_id, error=f"{type(error).__name__}: {error}")
        for record in {record.partition: record for record in records}.values():
            lag = metrics.consumer_lag_seconds.labels(self._group_id, record.topic, record.partition)
            lag.set(max(0, time.time() - record.timestamp / 1000))

    async def _one_key(self, records: Iterable[ConsumerRecord], batch: Batch) -> None:
        settled = Settled.HANDLED
        for record in records:
            if settled is not Settled.LEFT:
                try:
                    settled = await self._settle(record, batch)
                except Exception:  # a bug of ours; without an answer the record would be stepped over
                    _log.exception("consumer.broken", topic=record.topic, offset=record.offset)
                    settled = Settled.LEFT
            batch.settle(record, settled)

    def _send_back(self, partition: TopicPartition, offset: int) -> None:
        """Take this partition up again from here, later; for ever later if the consumer has stopped."""
        if partition not in self._consumer.assignment():
            return
        self._consumer.seek(partition, offset)
        self._consumer.pause(partition)
        metrics.partition_pauses.labels(self._group_id).inc()
        if not self._failures.have_stopped:
            asyncio.get_running_loop().call_later(_SENT_BACK_SECONDS, self._resume, partition)

    def _resume(self, partition: TopicPartition) -> None:
        # A rebalance may have taken it meanwhile; then it comes back, if it does, without the pause.
        if self._consumer is not None and partition in self._consumer.assignment():
            self._consumer.resume(partition)


async def _unread(records: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    """In place of FastStream's parser, which decodes headers: bytes that are no text would lose the whole batch."""
    return KafkaMessage(body=b"", raw_message=records, consumer=None)


async def _records(message: KafkaMessage) -> object:
    return message.raw_message


async def tail(
    kafka: str,
    topics: Collection[str],
    on_event: Callable[[Received[EventData]], Awaitable[None]],
    *,
    decode: Callable[[KafkaRecord], Received[EventData]],
    from_beginning_topics: Collection[str] = (),
) -> None:
    """Tell `on_event` everything said on `topics` from now on, until cancelled.

    Those in `from_beginning_topics` are read from their start. No group, no inbox, no dead letters: after a restart
    what was said meanwhile is missed, and what cannot be read is passed over.
    """
    while not await is_reachable(kafka):
        _log.warning("tail.waiting", error="no broker answers")
        await asyncio.sleep(1)
    # Subscribed, not assigned, though there is no group: this way the client learns the partitions by itself.
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=kafka, max_partition_fetch_bytes=_FETCH_BYTES)
    await consumer.start()
    try:
        await consumer.seek_to_end(*(each for each in consumer.assignment() if each.topic not in from_beginning_topics))
        await consumer.seek_to_beginning(
            *(each for each in consumer.assignment() if each.topic in from_beginning_topics)
        )
        async for record in consumer:
            try:
                event = decode(record)
            except (Undecodable, UnknownType) as problem:
                _log.debug("tail.passed_over", topic=record.topic, offset=record.offset, error=str(problem))
            else:
                await on_event(event)
    finally:
        await consumer.stop()
