"""An older state that a paused relay leaves behind a newer one misleads no reader; `republish-state` mends the topic.

On a compacted topic the last record of a key is the one that stays, so a late one would be believed for ever by
whoever begins to read later. The relay is stopped between the batches of one shard, with states in hand that it has
not given to Kafka's client; meanwhile the lock goes to another, and newer states are sent.
"""

import asyncio
import contextlib
import dataclasses
import random
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition
from faultlib.checker import Record, in_order, read_topic
from faultlib.ground import eventually
from faultlib.system import Day, System

from devstack.home import Home
from devstack.ports import free_port
from devstack.processes import Processes
from relink_contracts.events import ConnectionState, ListEntry

_HOLDERS = """FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE locktype = 'advisory' AND datname = current_database()"""
_LOCKS, _END_RELAYS = f"SELECT count(*) {_HOLDERS}", f"SELECT pg_terminate_backend(pid) {_HOLDERS}"
_WAITING = "SELECT count(*) FROM outbox"
_OLDER, _NEWER = 10, 2  # states of each key that the paused relay has in hand, and that it does not know of
# A service's own sequence of each key; the reader must have come to the last one.
_HEARD: Final = {
    ConnectionState.TOPIC: {
        "sync-svc": "SELECT id, sequence FROM connections",
        "list-svc": "SELECT connection_id, sequence FROM connections",
        "publish-svc": "SELECT id, sequence FROM connections",
        "notifier-svc": "SELECT connection_id, sequence FROM connections",
    },
    ListEntry.TOPIC: {"list-svc": "SELECT connection_id || '/' || list || '/' || external_id, sequence FROM entries"},
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    started = System.start(tmp_path_factory.mktemp("stack"))
    yield started
    started.stack.reset(print)


@dataclass
class Topic:
    """A state topic as it stands: what its records say of each key, in the order in which they lie there."""

    records: list[Record]

    @classmethod
    async def of(cls, system: System, name: str) -> "Topic":
        return cls(in_order(await asyncio.to_thread(read_topic, system.stack.addresses["kafka"], name)))

    @property
    def sequences(self) -> dict[str, list[int]]:
        found = defaultdict(list)
        for record in self.records:
            found[(record.key or b"").decode()].append(int(record.headers["ce_sequence"]))
        return found

    @property
    def stale(self) -> set[str]:
        """Keys whose last record is not their newest."""
        return {key for key, sequences in self.sequences.items() if sequences[-1] < max(sequences)}

    @property
    def copies(self) -> int:
        return len(self.records) - len({record.event for record in self.records})


async def change_settings(system: System, day: Day, times: int) -> None:
    for customer in day.customers:
        for _ in range(times):
            await day.traffic.change_settings(customer)


async def say_entries(system: System, day: Day, times: int) -> None:
    for _ in range(min(times, 2)):
        await system.run("sync-svc", "republish-state")


WAYS: Final[list[tuple[str, str, Callable[[System, Day, int], Awaitable[None]]]]] = [
    ("connection-svc", ConnectionState.TOPIC, change_settings),
    ("sync-svc", ListEntry.TOPIC, say_entries),
]


async def test_an_older_state_that_comes_last_is_ignored_and_mended(
    system: System, seed: int, keep: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    plan = random.Random(seed)
    owner, topic, say = plan.choice(WAYS)
    apart = Processes(Home(tmp_path))  # the stack knows one worker of each service
    async with system.day(seed) as day:
        await until_sent(system, owner)
        before = await Topic.of(system, topic)
        await asyncio.to_thread(system.stack.processes.stop, f"{owner}.worker")
        await say(system, day, _OLDER)

        # Within the first batch of a shard: each change of settings is said as an event first, then as a state, and
        # a shard's entries are of several partitions.
        place = f"sender.accepted:{plan.randint(1, _OLDER)}:SIGSTOP"
        paused = apart.start(worker(system, owner, "paused", RELINK_TEST_FAILPOINTS=place))
        try:
            await eventually(lambda: psutil.Process(paused.pid).status() == psutil.STATUS_STOPPED, 60)
            await say(system, day, _NEWER)
            await lose_the_lock(system, owner, at_once=plan.random() < 0.75)
            apart.start(worker(system, owner, "other"))
            await until_sent(system, owner)
            psutil.Process(paused.pid).send_signal(signal.SIGCONT)
            await eventually_stale(system, topic)
        finally:
            for name in apart.names():
                psutil.Process(apart.running(name).pid).send_signal(signal.SIGCONT)
                apart.stop(name)
        await asyncio.to_thread(system.stack.start, f"{owner}.worker")

        overtaken = await Topic.of(system, topic)
        assert overtaken.stale, "no older state came last: this seed shows nothing"
        behind = await readers_behind(system, topic, overtaken)
        begun = time.monotonic()
        await system.run(owner, "republish-state")
        await until_sent(system, owner)
        recovery = time.monotonic() - begun
        mended = await Topic.of(system, topic)
        behind |= await readers_behind(system, topic, mended)
    # In the table: lost are keys that were not mended, order violations are readers that believed an older state.
    keep(
        {
            "events": len(overtaken.records) - len(before.records),
            "lost": len(mended.stale),
            "repeated_effects": 0,
            "order_violations": len(behind),
            "duplicates": overtaken.copies - before.copies,
            "recovery_seconds": round(recovery, 2),
            "topic": topic,
            "stale_keys": len(overtaken.stale),
        }
    )
    assert not behind, f"these readers believed an older state: {behind}"
    assert not mended.stale, f"the last record of these keys is still an older one: {mended.stale}"


def worker(system: System, owner: str, name: str, **environment: str) -> Any:
    """Another worker of the service, at a port of its own."""
    program = system.program(f"{owner}.worker", RELINK_HTTP__PORT=str(free_port()), **environment)
    return dataclasses.replace(program, name=name)


async def lose_the_lock(system: System, owner: str, *, at_once: bool) -> None:
    """As after a failover, or since PostgreSQL ends a relay's transaction that says nothing for 25 s."""
    connection = await asyncpg.connect(system.stack.database_url(owner))

    async def no_locks() -> bool:
        return not await connection.fetchval(_LOCKS)

    try:
        assert await connection.fetchval(_LOCKS), "the paused relay holds no shard"
        if at_once:
            await connection.execute(_END_RELAYS)
        await eventually(no_locks, 60)
    finally:
        await connection.close()


async def until_sent(system: System, owner: str) -> None:
    async def nothing_waits() -> bool:
        [(waiting,)] = await system.databases.rows(owner, _WAITING)
        return waiting == 0

    await eventually(nothing_waits, 60)


async def eventually_stale(system: System, topic: str) -> None:
    """The paused relay goes on where it was; nobody tells when it has sent what it had."""

    async def is_stale() -> bool:
        return bool((await Topic.of(system, topic)).stale)

    await eventually(is_stale, 30)


async def all_read(system: System, topic: str) -> None:
    """Wait until each reader has taken in what is on the topic, late records too."""

    def is_read(service: str) -> bool:
        group = {"bootstrap.servers": system.stack.addresses["kafka"], "group.id": f"{service}.state"}
        with contextlib.closing(Consumer(group)) as consumer:
            numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            committed = consumer.committed([TopicPartition(topic, number) for number in numbers], timeout=10)
            return all(max(0, each.offset) == consumer.get_watermark_offsets(each, timeout=10)[1] for each in committed)

    async def is_read_by_all() -> bool:
        return all([await asyncio.to_thread(is_read, service) for service in _HEARD[topic]])

    await eventually(is_read_by_all, 60)


async def readers_behind(system: System, topic: str, stands: Topic) -> set[str]:
    """Readers that have read everything, and do not know the newest state of each key."""
    await all_read(system, topic)
    newest = {key: max(sequences) for key, sequences in stands.sequences.items()}
    behind = set()
    for service, query in _HEARD[topic].items():
        heard = dict(await system.databases.rows(service, query))
        if any(heard.get(key, 0) < sequence for key, sequence in newest.items()):
            behind.add(service)
    return behind
