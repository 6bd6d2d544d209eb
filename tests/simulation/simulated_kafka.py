"""Kafka as far as the chassis needs it: partitions, offsets, committed offsets, groups, and what senders are told.

A partition takes what one sender sends in order, and after the first record of a batch that it did not take none of
the rest: the producer is idempotent. Its confirmations may be lost all the same, one by one.
"""

import asyncio
import contextlib
import contextvars
import functools
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import cycle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
)

from chassis.kafka import _hash
from relink_contracts.envelope import RecordToSend

if TYPE_CHECKING:
    from simulated_world import World

SESSION_SECONDS, REBALANCE_SECONDS, MOST_PER_POLL = 10.0, 60.0, 6
LONGEST_POLL_SECONDS = 30.0


class Fate(Enum):
    """Of a record that was sent."""

    CONFIRMED = "confirmed"
    UNANSWERED = "unanswered"  # it is there, but the sender is not told
    REFUSED = "refused"


@dataclass(frozen=True)
class Written:
    """A record that Kafka took."""

    record: ConsumerRecord
    is_confirmed: bool = True
    """Whether its sender was told."""
    is_late: bool = False
    """Whether its sender had been cut off from the database meanwhile, and somebody else may have sent it."""


class Kafka:
    """One cluster. Topics are there when they are first spoken of, with `partitions` partitions."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.partitions, self.is_away = 1, False
        self.fate_on: dict[str, Fate] = {}
        """By topic, what becomes of everything sent there."""
        self.topics: dict[str, list[list[ConsumerRecord]]] = {}
        self.committed: dict[tuple[str, TopicPartition], int] = {}
        self.groups: dict[str, Group] = defaultdict(lambda: Group(self))
        self.news = asyncio.Event()

    async def is_reachable(self, _servers: str) -> bool:
        return not self.is_away

    def topic(self, name: str) -> list[list[ConsumerRecord]]:
        return self.topics.setdefault(name, [[] for _ in range(self.partitions)])

    def partition_of(self, record: RecordToSend) -> int:
        return _hash(record.key) % len(self.topic(record.topic))

    def append(self, record: RecordToSend, *, is_confirmed: bool = True, is_late: bool = False) -> ConsumerRecord:
        topic, key, value, headers = record
        number = self.partition_of(record)
        log = self.topic(topic)[number]
        taken = ConsumerRecord(topic, number, len(log), 0, 0, key, value, 0, 0, 0, tuple(headers))
        log.append(taken)
        self.world.happened.append(Written(taken, is_confirmed, is_late))
        self.tell()
        return taken

    def lag(self, group: str, topic: str) -> int:
        """How many records of the topic the group has not committed."""
        logs = enumerate(self.topic(topic))
        return sum(len(log) - self.committed.get((group, TopicPartition(topic, number)), 0) for number, log in logs)

    def tell(self) -> None:
        """Whoever polls may find something now."""
        self.news.set()
        self.news = asyncio.Event()

    def take(
        self, records: Sequence[RecordToSend], fates: Sequence[Fate] = (Fate.CONFIRMED,), *, is_late: bool = False
    ) -> list[KafkaError | None]:
        """What the sender is told, `fates` going round. A partition takes nothing after what it refused."""
        if self.is_away:
            raise KafkaConnectionError("no broker answers")
        shut: set[tuple[str, int]] = set()
        told: list[KafkaError | None] = []
        for record, drawn in zip(records, cycle(fates), strict=False):
            fate = self.fate_on.get(record.topic, drawn)
            place = (record.topic, self.partition_of(record))
            if fate is Fate.REFUSED or place in shut:
                shut.add(place)
                told.append(KafkaTimeoutError("refused"))
            else:
                self.append(record, is_confirmed=fate is Fate.CONFIRMED, is_late=is_late)
                told.append(None if fate is Fate.CONFIRMED else KafkaTimeoutError("no answer"))
        return told

    def falls_silent(self, process: str) -> None:
        """A process is dead: its group waits for it until its session has run out."""
        for group in self.groups.values():
            for member in group.members:
                if member.process == process:
                    self.world.loop.call_later(SESSION_SECONDS, group.expel, member)

    def expel(self, process: str) -> None:
        """The sessions of this process have run out although it lives: it must join its groups again."""
        for group in self.groups.values():
            for member in [each for each in group.members if each.process == process]:
                group.expel(member)
                member.prepare()
        self.world.loop.run_until_idle()


class Sender:
    """In place of chassis.kafka.Sender. `servers` is the name of the process."""

    def __init__(self, kafka: Kafka, servers: str) -> None:
        self._kafka, self._process, self._is_sending = kafka, servers, False
        self.records: Sequence[RecordToSend] = []

    async def send(self, records: Sequence[RecordToSend]) -> list[KafkaError | None]:
        assert not self._is_sending, "one task at a time, as it promises"
        self._is_sending = True
        try:
            take = functools.partial(self._kafka.take, list(records))
            told: list[KafkaError | None] = await self._kafka.world.ask(self._process, "sends", take)
            return told
        finally:
            self._is_sending = False

    async def close(self) -> None:
        """Nothing is open."""


class Group:
    """A consumer group and its coordinator. Everybody gives everything back at each rebalance (the eager protocol)."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self.members: list[Consumer] = []
        self.generation = 0
        self.news = asyncio.Event()
        self._is_stable, self._task = True, None

    def join(self, member: "Consumer") -> None:
        self.members.append(member)
        self._rebalance()

    def expel(self, member: "Consumer") -> None:
        if member in self.members:
            self.members.remove(member)
            self._rebalance()

    def _rebalance(self) -> None:
        self._is_stable = False
        self.news.set()
        if self._task is None:
            context = contextvars.Context()  # nobody's process
            self._task = self._kafka.world.loop.create_task(self._until_stable(), context=context)

    async def _until_stable(self) -> None:
        while not self._is_stable:
            await self._all_prepared()
            self._is_stable = True
            self.generation += 1
            wanted = sorted({topic for member in self.members for topic in member.topics})
            partitions = [TopicPartition(topic, n) for topic in wanted for n in range(len(self._kafka.topic(topic)))]
            for place, member in enumerate(self.members):
                member.be_assigned(partitions[place :: len(self.members)], self.generation)
        self._task = None

    async def _all_prepared(self) -> None:
        """Whoever does not give back in time what he had is out, and joins again when he has."""
        asked: set[Consumer] = set()
        end = self._kafka.world.loop.time() + REBALANCE_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                while not all(member.is_prepared for member in self.members) or not asked.issuperset(self.members):
                    for member in self.members:
                        if member not in asked:
                            asked.add(member)
                            member.prepare()
                    self.news.clear()
                    await self.news.wait()
        for late in [member for member in self.members if not member.is_prepared]:
            self.members.remove(late)


class Consumer:
    """In place of aiokafka.AIOKafkaConsumer with a group, as far as FastStream and the chassis use it."""

    def __init__(self, kafka: Kafka, *, bootstrap_servers: Any, group_id: str, **_settings: Any) -> None:
        self._kafka, self._group_id = kafka, group_id
        self.process: str = bootstrap_servers if isinstance(bootstrap_servers, str) else bootstrap_servers[0]
        self._context = contextvars.copy_context()
        self._group = kafka.groups[group_id]
        self.topics: Collection[str] = ()
        self._listener: Any = None
        self._generation, self._is_closed = 0, False
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._has_assignment, self.is_prepared = asyncio.Event(), False
        self._coordinator = SimpleNamespace(member_id=self.process)

    # For the coordinator

    def prepare(self) -> None:
        """Give everything back, when the listener lets it."""
        self._has_assignment.clear()
        self.is_prepared = False
        if self._kafka.world.is_alive(self.process):
            self._kafka.world.loop.create_task(self._give_back(), context=self._context.copy())

    async def _give_back(self) -> None:
        await self._listener.on_partitions_revoked(set(self._positions))
        self.is_prepared = True
        self._group.news.set()
        if self not in self._group.members and not self._is_closed:
            self._group.join(self)  # it was late, or its session had run out

    def be_assigned(self, partitions: Collection[TopicPartition], generation: int) -> None:
        known = self._kafka.committed
        self._positions = {each: known.get((self._group_id, each), 0) for each in partitions}
        self._paused, self._generation = set(), generation
        if self._kafka.world.is_alive(self.process):
            self._kafka.world.loop.create_task(self._assigned(), context=self._context.copy())

    async def _assigned(self) -> None:
        await self._listener.on_partitions_assigned(set(self._positions))
        self._has_assignment.set()

    # For FastStream and the chassis

    def subscribe(self, *, topics: Collection[str], listener: Any, **_pattern: Any) -> None:
        self.topics, self._listener = topics, listener

    async def start(self) -> None:
        if self._kafka.is_away:
            raise KafkaConnectionError("no broker answers")
        self._group.join(self)
        await self._has_assignment.wait()

    async def stop(self) -> None:
        self._is_closed = True
        self._has_assignment.set()
        if self._kafka.world.is_alive(self.process):
            self._group.expel(self)

    async def getmany(self, **_limits: Any) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Where there is nothing, it waits far longer than asked, unless something comes: nobody can tell."""
        loop = self._kafka.world.loop
        end = loop.time() + LONGEST_POLL_SECONDS
        while True:
            await self._has_assignment.wait()
            if self._is_closed:
                raise ConsumerStoppedError
            found = self._fetched()
            if found or loop.time() >= end:
                return found
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    await self._kafka.news.wait()

    def _fetched(self) -> dict[TopicPartition, list[ConsumerRecord]]:
        found, room = {}, MOST_PER_POLL
        for partition, position in self._positions.items():
            log = [] if self._kafka.is_away else self._kafka.topic(partition.topic)[partition.partition]
            records = log[position : position + room] if partition not in self._paused else []
            if records:
                found[partition] = records
                room -= len(records)
                self._positions[partition] += len(records)
        return found

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if not offsets.keys() <= self._positions.keys():
            raise IllegalStateError("not assigned")
        generation = self._generation
        commit = functools.partial(self._commit, dict(offsets), generation)
        await self._kafka.world.ask(self.process, "commits offsets", commit)

    def _commit(self, offsets: dict[TopicPartition, int], generation: int) -> None:
        if self._kafka.is_away:
            raise KafkaConnectionError("no broker answers")
        if self not in self._group.members or generation != self._group.generation:
            raise CommitFailedError
        self._kafka.committed |= {(self._group_id, each): offset for each, offset in offsets.items()}

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset
        self._kafka.tell()

    def pause(self, *partitions: TopicPartition) -> None:
        self._paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._paused -= set(partitions)
        self._kafka.tell()

    async def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    async def committed(self, partition: TopicPartition) -> int | None:
        return self._kafka.committed.get((self._group_id, partition))

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(len(self._kafka.topic(topic))))

    async def beginning_offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return {each: len(self._kafka.topic(each.topic)[each.partition]) for each in partitions}
