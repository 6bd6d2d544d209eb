"""From Kafka to a service's handlers: a handler sees an event and a transaction, never a broker.

Records are taken in batches and grouped by key; keys run side by side, each key in order. Offsets are committed per
partition, up to the first record that is not settled. What happens when something fails is in failures.py.
"""

import asyncio
import functools
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from chassis import failpoints, inbox, metrics
from chassis.clock import Clock, happens_within
from chassis.database import Database, Tx
from chassis.failures import Batch, FailurePolicy, NotYetKnown, Settled
from chassis.kafka import READING, end_for_good, is_reachable
from chassis.observe import hearing, scrub, span_of
from relink_contracts import envelope
from relink_contracts.envelope import EventData, Received, Undecodable, UnknownType

__all__ = ["Consumer", "Handler", "NotYetKnown", "knows", "knows_together", "reacts"]

# Draining: longer than a batch may wait (30 s) with a statement's time (20 s), shorter than the rebalance (60 s).
_DRAIN_SECONDS, _SENT_BACK_SECONDS, _PROBE_SECONDS = 50, 5.0, 5.0
_BATCHES: Final = {"batch": True, "ack_policy": AckPolicy.MANUAL}
_MEMBER: Final = {"session_timeout_ms": 10_000, "heartbeat_interval_ms": 1_000, "rebalance_timeout_ms": 60_000}
_log = structlog.get_logger(__name__)
_seconds = functools.cache(metrics.handling_seconds.labels)  # to look it up costs more than to observe

E = TypeVar("E", bound=EventData)
Heard = Received[EventData]
Together = Callable[[Sequence[Received[Any]], Tx], Awaitable[None]]
Work = Callable[[Batch], Awaitable[None]]


@dataclass(frozen=True)
class Handler:
    """What a service does about one type of event; made by `knows`, `knows_together` and `reacts`."""

    event: type[EventData]
    function: Callable[[Received[Any], Tx], Awaitable[None]]
    once: bool
    together: Together | None = None

    async def deliver(self, event: Heard, tx: Tx, consumer: str) -> bool:
        """False if `consumer` has reacted to this event before."""
        if self.once and not await inbox.first_time(tx, consumer, event):
            return False
        await self.function(event, tx)
        return True


def knows(event: type[E], function: Callable[[Received[E], Tx], Awaitable[None]]) -> Handler:
    """`function` keeps our picture of somebody else's entity: it must ignore what is older than what it has seen."""
    return Handler(event, function, once=False)


def knows_together(event: type[E], function: Callable[[Sequence[Received[E]], Tx], Awaitable[None]]) -> Handler:
    """As `knows`, for what comes by the thousand: `function` gets the events of one poll, each key's in order.

    If their one transaction fails they come again one by one. Nothing else can be heard on their topic.
    """
    return Handler(event, lambda each, tx: function([each], tx), once=False, together=function)


def reacts(event: type[E], function: Callable[[Received[E], Tx], Awaitable[None]]) -> Handler:
    """`function` does something once for each event, by the inbox."""
    return Handler(event, function, once=True)


class Consumer:
    """Hears for one service. State topics are read to their end, in a group of their own, before events are taken."""

    name = "consumer"

    def __init__(  # noqa: PLR0913 - built once, in main
        self, service: str, database: Database, kafka: str, handlers: Collection[Handler], clock: Clock, *, version: str
    ) -> None:
        """`kafka` is bootstrap servers. Raises ValueError when handlers of one type or topic exclude each other."""
        self._service, self._database, self._kafka, self._clock = service, database, kafka, clock
        self._handlers: dict[str, list[Handler]] = defaultdict(list)
        for handler in handlers:
            if handler.once and any(other.once for other in self._handlers[handler.event.TYPE]):
                raise ValueError(f"two handlers react to {handler.event.TYPE}: their inbox row would be the same")
            if handler.together and len([each for each in handlers if each.event.TOPIC == handler.event.TOPIC]) > 1:
                raise ValueError(f"{handler.event.TYPE} is handled together: nothing else is heard on its topic")
            self._handlers[handler.event.TYPE].append(handler)
        self._together = {handler.event.TOPIC: handler.together for handler in handlers if handler.together}
        # Two connections of the pool are left to whatever else the process does.
        self._room = asyncio.Semaphore(max(1, database.max_size - 2))
        self._failures = FailurePolicy(service, kafka, version)
        states = {handler.event.TOPIC for handler in handlers if envelope.is_state(handler.event)}
        events = {handler.event.TOPIC for handler in handlers} - states
        named = [(f"{service}.state", states), (service, events)]
        self._groups = [_Group(kafka, name, topics, self._work, self._failures) for name, topics in named if topics]
        self._begun = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`, then the batch in hand. Database and broker may go away and come back."""
        try:
            for group in self._groups:
                await group.start(stopping)
                if group.group_id != self._service:
                    await group.read_to_the_end(stopping)
            self._begun = True
            while not await happens_within(stopping, _PROBE_SECONDS):
                if not await is_reachable(self._kafka):  # aiokafka would take a whole core until it is
                    for group in self._groups:
                        await group.stop()
                        await group.start(stopping)
        finally:
            await asyncio.gather(*(group.stop() for group in self._groups))
            await self._failures.sender.close()

    async def is_ready(self) -> bool:
        """Whether it takes events: not before the states were read, not when stopped or long without the database."""
        return self._begun and all(group.has_joined for group in self._groups) and self._failures.are_bearable

    async def _work(self, batch: Batch) -> None:
        for (topic, _), places in batch.places.items():
            if (function := self._together.get(topic)) is not None and not self._failures.have_stopped:
                await self._settle_together(function, places, batch)
        await batch.work(lambda places: self._one_key(places, batch))

    async def _settle_together(self, function: Together, places: Sequence[int], batch: Batch) -> None:
        """Have these handled in one transaction, or leave them as they are, to be taken one by one."""
        records = [batch.records[place] for place in places]
        try:
            events = [self._read(record)[1] for record in records]
            async with self._room, self._database.transaction() as tx:
                with span_of(events[0].type, ()), _seconds(self._service, events[0].type).time():
                    await function(events, tx)
        except Exception as error:  # noqa: BLE001 - whatever it is, it comes up again with the record that is to blame
            _log.warning("events.not_together", topic=records[0].topic, events=len(records), error=scrub(repr(error)))
            return
        batch.outcomes[records[0].topic, "handled"] += len(records)
        for place in places:
            batch.settle(place, Settled.HANDLED)

    async def _one_key(self, places: Iterable[int], batch: Batch) -> None:
        settled = Settled.HANDLED
        for place in places:
            if settled is not Settled.LEFT:
                record = batch.records[place]
                try:
                    settled = await self._settle(record, batch)
                except Exception:  # noqa: BLE001 - a bug of ours; without an answer the record would be stepped over
                    _log.exception("consumer.broken", topic=record.topic, offset=record.offset)
                    settled = Settled.LEFT
            batch.settle(place, settled)

    async def _settle(self, record: ConsumerRecord, batch: Batch) -> Settled:
        hearing.set(None)
        try:
            handlers, event = self._read(record)
        except UnknownType:
            batch.outcomes[record.topic, "unknown_type"] += 1
            return Settled.PASSED
        except Undecodable as problem:
            return await self._failures.put_aside(record, batch, problem.reason, problem)
        hearing.set(event)
        return await self._failures.tried(lambda: self._handle(handlers, event, record, batch), record, batch)

    def _read(self, record: ConsumerRecord) -> tuple[list[Handler], Heard]:
        parsed = envelope.parse(record)
        handlers = self._handlers.get(parsed.type)
        if handlers is None:
            raise UnknownType(parsed.type)
        return handlers, envelope.read(parsed, handlers[0].event, received_at=self._clock.now())

    async def _handle(self, handlers: list[Handler], event: Heard, record: ConsumerRecord, batch: Batch) -> None:
        async with self._room, self._database.transaction() as tx:
            with span_of(event.type, record.headers), _seconds(self._service, event.type).time():
                delivered = [await handler.deliver(event, tx, self._service) for handler in handlers]
        batch.outcomes[record.topic, "handled" if any(delivered) else "duplicate"] += 1


class _Group(ConsumerRebalanceListener):  # type: ignore[misc]
    """One consumer group and this process' part in it."""

    def __init__(self, kafka: str, group_id: str, topics: set[str], work: Work, failures: FailurePolicy) -> None:
        self.group_id, self._topics, self._work, self._failures = group_id, topics, work, failures
        self._hurry, self._is_stopping, self.has_joined = asyncio.Event(), False, False
        clients: dict[str, Any] = {"consumer_only": True, "allow_auto_create_topics": False, "apply_types": False}
        servers = kafka.split(",")  # FastStream takes a text for one address
        self._broker = KafkaBroker(servers, graceful_timeout=12.0, logger=logging.getLogger("faststream"), **clients)
        settings = {"group_id": group_id, "listener": self} | READING | _BATCHES | _MEMBER
        self._subscriber: Any = self._broker.subscriber(*topics, **settings)
        self._subscriber(self._take, parser=_unread, decoder=_records)
        self._subscriber.get_msg = _next_batch  # type: ignore[method-assign]

    @property
    def _consumer(self) -> Any:
        return self._subscriber.consumer  # None before the start and after the end

    async def start(self, stopping: asyncio.Event) -> None:
        """Join the group; waits for a broker that is away."""
        self._is_stopping = False
        self._hurry.clear()
        while not stopping.is_set():
            try:
                await self._broker.start()
            except KafkaError as error:
                await self._broker.stop()
                _log.warning("consumer.waiting", group=self.group_id, error=str(error))
                await happens_within(stopping, 1)
            else:
                return

    async def stop(self) -> None:
        self._is_stopping, self.has_joined = True, False
        self._hurry.set()
        await self._broker.stop()
        if self._consumer is not None:  # its end was cut short
            await end_for_good(self._consumer)

    async def on_partitions_revoked(self, _revoked: Collection[TopicPartition]) -> None:
        # Nobody else gets a partition before our batch is settled and committed. The subscriber's own lock tells: it is
        # taken in the very tick in which records leave the client, where "is my handler running" would miss a batch on
        # its way. It is FastStream's inside: hence the pinned version.
        self._hurry.set()
        await self._subscriber.lock.wait_release(_DRAIN_SECONDS)
        if not self._subscriber.lock.empty:
            _log.error("consumer.batch_outlasted_rebalance", group=self.group_id)
        if not self._is_stopping:
            self._hurry.clear()

    async def on_partitions_assigned(self, _assigned: Collection[TopicPartition]) -> None:
        self.has_joined = True

    async def read_to_the_end(self, stopping: asyncio.Event) -> None:
        """Returns when the group, this process or another, has settled what stands in its topics now."""
        ends: dict[TopicPartition, int] | None = None
        while ends != {}:
            try:
                if ends is None:
                    ends = await self._ends()
                ends = {each: end for each, end in ends.items() if not await self._has_read(each, end)}
            except KafkaError as error:
                _log.warning("consumer.waiting", group=self.group_id, error=str(error))
            if ends != {} and await happens_within(stopping, 0.1):
                return
        _log.info("consumer.states_read", group=self.group_id)

    async def _ends(self) -> dict[TopicPartition, int]:
        partitions = []
        for topic in self._topics:
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise UnknownTopicOrPartitionError(topic)
            partitions += [TopicPartition(topic, number) for number in numbers]
        begins, ends = await self._consumer.beginning_offsets(partitions), await self._consumer.end_offsets(partitions)
        return {each: ends[each] for each in partitions if begins[each] < ends[each]}

    async def _has_read(self, partition: TopicPartition, end: int) -> bool:
        if (await self._consumer.committed(partition) or 0) >= end:
            return True
        if partition not in self._consumer.assignment():
            return False
        # Compaction may have left no record before the end: then there is none to be settled, and none to commit.
        return bool(await self._consumer.position(partition) >= end and self._subscriber.lock.empty)

    async def _take(self, records: tuple[ConsumerRecord, ...]) -> None:
        batch = Batch(records, self._hurry)
        await self._work(batch)
        if self._consumer is None:  # stopped before the batch was: it is taken again
            return
        self._failures.remember(batch)
        failpoints.reach("consume.settled")
        offsets = batch.offsets()
        for partition, (offset, is_left) in offsets.items():
            if is_left:
                self._send_back(partition, offset)
        try:
            async with asyncio.timeout(5):
                await self._consumer.commit({partition: offset for partition, (offset, _) in offsets.items()})
        except (KafkaError, TimeoutError) as error:  # the group moved on, or a later commit says it too
            _log.warning("consumer.commit_failed", group=self.group_id, error=f"{type(error).__name__}: {error}")
        for partition, places in batch.places.items():
            lag = metrics.consumer_lag_seconds.labels(self.group_id, *partition)
            lag.set(max(0, time.time() - records[places[-1]].timestamp / 1000))

    def _send_back(self, partition: TopicPartition, offset: int) -> None:
        """Take this partition up again from here, later; never if the consumer has stopped."""
        if partition in self._consumer.assignment():
            self._consumer.seek(partition, offset)
            self._consumer.pause(partition)
            metrics.partition_pauses.labels(self.group_id).inc()
            if not self._failures.have_stopped:
                asyncio.get_running_loop().call_later(_SENT_BACK_SECONDS, self._resume, partition)

    def _resume(self, partition: TopicPartition) -> None:
        # A rebalance may have taken it meanwhile; then it comes back, if it does, without the pause.
        if self._consumer is not None and partition in self._consumer.assignment():
            self._consumer.resume(partition)


async def _next_batch(consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
    """In place of FastStream's, which sleeps after a poll that found nothing, however soon the next record comes."""
    found = await consumer.getmany(timeout_ms=1000, max_records=500)
    return tuple(record for records in found.values() for record in records)


async def _unread(records: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    """In place of FastStream's parser, which decodes headers: bytes that are no text would lose the whole batch."""
    return KafkaMessage(body=b"", raw_message=records, consumer=None)  # type: ignore[arg-type]


async def _records(message: KafkaMessage) -> tuple[ConsumerRecord, ...]:
    """A coroutine, although it waits for nothing: FastStream runs plain functions in a thread, batch by batch."""
    return message.raw_message
