"""The stand-ins are held to the real things: the same plays are acted on both, and must go the same way.

A play is what two sessions ask of PostgreSQL, in that order; each waits where it must. Plays are drawn at random.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from functools import partial
from typing import Any, Protocol, TypeAlias

import asyncpg
import pytest
import simulated_kafka
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from simulated_machine import SETTINGS, TIMES
from simulated_postgres import EFFECT, IS_KNOWN, LEARN, TABLES, Committed
from simulated_things import THINGS, ThingHappened, said
from simulated_world import World

from chassis import inbox, outbox, relay
from chassis.database import Tx
from chassis.kafka import READING, Sender
from chassis.outbox import CHANNEL, SHARDS, shard_of
from devstack.testing import NewDatabase, NewTopic
from relink_contracts.envelope import RecordToSend

things = st.sampled_from(THINGS)
numbers = st.integers(0, 8)
shards = st.lists(st.sampled_from([*{shard_of(thing.encode()) for thing in THINGS}]), min_size=1, unique=True)
Step: TypeAlias = tuple[str, str, tuple[Any, ...]]


async def say(tx: Tx, number: int, *said_of: str) -> None:
    events = [said(ThingHappened, thing, 10 * number + place) for place, thing in enumerate(said_of)]
    await outbox.add(tx, *events)


async def hear(tx: Tx, _: int, which: int) -> bool:
    return await inbox.first_time(tx, "test", said(ThingHappened, THINGS[0], which))  # type: ignore[arg-type]


async def write_effect(tx: Tx, number: int, thing: str) -> str:
    return await tx.execute(EFFECT, thing, number, said(ThingHappened, thing, number).id)


async def learn(tx: Tx, _: int, thing: str) -> None:
    await tx.execute(LEARN, thing)


async def know(tx: Tx, _: int, thing: str) -> bool:
    return await tx.fetchrow(IS_KNOWN, thing) is not None


async def look(tx: Tx, _: int, floor: int) -> Any:
    return [(row["shard"], row["id"], row["age"] >= 0) for row in await tx.fetch(relay._FIND, SHARDS, floor)]


async def lock(tx: Tx, _: int, wanted: list[int]) -> Any:
    return [row["s"] for row in await tx.fetch(relay._LOCK, relay._LOCK_CLASS, wanted)]


async def read(tx: Tx, _: int, wanted: list[int], floor: int, most: int) -> Any:
    return [tuple(row) for row in await tx.fetch(relay._NEXT, wanted, floor, most)]


async def delete(tx: Tx, _: int, ids: list[int]) -> Any:
    return [isinstance(number, int) for (number,) in map(tuple, await tx.fetch(relay._DELETE, ids))]


ACTS = {act.__name__: act for act in (say, hear, write_effect, learn, know, look, lock, read, delete)}
DRAWN = {
    "say": st.lists(things, min_size=1, max_size=3).map(tuple),
    "hear": st.tuples(st.integers(1, 2)),
    "write_effect": st.tuples(things),
    "learn": st.tuples(things),
    "know": st.tuples(things),
    "look": st.tuples(numbers),
    "lock": st.tuples(shards),
    "read": st.tuples(shards, numbers, st.integers(1, 3)),
    "delete": st.tuples(st.lists(numbers, unique=True)),
    "commit": st.just(()),
    "roll back": st.just(()),
    "be cut off": st.just(()),
}


def _steps(whats: list[str]) -> st.SearchStrategy[list[Step]]:
    what = st.sampled_from([*whats, "say", "commit", "commit"])
    return st.lists(
        what.flatmap(lambda what: st.tuples(st.sampled_from("ab"), st.just(what), DRAWN[what])), min_size=15
    )


# Of few things much: two sessions meet only where both do the same.
plays = st.lists(st.sampled_from(sorted(DRAWN)), min_size=1, max_size=4).flatmap(_steps)


class Stage(Protocol):
    """A server with a session that listens. What two sessions did there is seen in what they were told, and `left`."""

    def connect(self) -> Any: ...
    def begin(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]": ...
    def settle(self, tasks: Iterable["asyncio.Task[Any]"]) -> None:
        """Until each is done or waits for a lock."""

    def cut(self, connection: Any) -> None: ...
    def left(self) -> dict[str, Any]:
        """What is committed, and how often the listener was told."""


DEADLOCK = asyncpg.DeadlockDetectedError.__name__


class Session:
    """Whatever is done is done in a transaction, which begins by itself."""

    def __init__(self, connection: Any) -> None:
        self.connection, self._block = connection, None

    async def do(self, what: str, number: int, *arguments: Any) -> Any:
        if self._block is None:
            self._block = self.connection.transaction()
            await self._block.start()
        if what in ACTS:
            return await ACTS[what](self.connection, number, *arguments)
        block, self._block = self._block, None
        await (block.commit() if what == "commit" else block.rollback())
        return what


def acted(play: list[Step], stage: Stage) -> list[Any]:
    """What was told to whom, after each step, and what is left of it."""
    told: list[Any] = []
    sessions = {who: Session(stage.connect()) for who in "ab"}
    pending: dict[str, asyncio.Task[Any]] = {}
    for number, (who, what, arguments) in enumerate(play, 1):
        if what == "be cut off":
            stage.cut(sessions[who].connection)
            sessions[who] = Session(stage.connect())
        elif who not in pending:
            pending[who] = stage.begin(sessions[who].do(what, number, *arguments))
            pending[who].add_done_callback(_outcome)  # looked at, even when the play ends before it does
        stage.settle(pending.values())
        outcomes = {other: _outcome(task) for other, task in sorted(pending.items())}
        if DEADLOCK in outcomes.values():  # whose error it is nobody promises
            told.append((number, DEADLOCK))
            break
        told += [(number, *each) for each in outcomes.items()]
        pending = {other: task for other, task in pending.items() if not task.done()}
    for session in sessions.values():
        stage.cut(session.connection)
        stage.settle(pending.values())
    return [*told, stage.left()]


def _outcome(task: "asyncio.Task[Any]") -> Any:
    if not task.done():
        return "waits"
    error = task.exception()
    if isinstance(error, asyncpg.InterfaceError | asyncpg.PostgresConnectionError | asyncpg.AdminShutdownError):
        return "is cut off"
    return task.result() if error is None else type(error).__name__


class SimulatedStage:
    def __init__(self) -> None:
        self._world = World()
        self._told = 0
        self._listener = self.connect()
        self.settle([self.begin(self._listener.add_listener(CHANNEL, self._hear))])

    def _hear(self, *_: object) -> None:
        self._told += 1

    def connect(self) -> Any:
        return self._world.postgres.new_session(self._world.name("session"))

    def begin(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        return self._world.start("play", work)

    def settle(self, tasks: Iterable["asyncio.Task[Any]"]) -> None:
        self._world.live(0, random.Random(0))

    def cut(self, connection: Any) -> None:
        self._world.cut(connection.process, [connection])

    def left(self) -> dict[str, Any]:
        postgres, happened = self._world.postgres, self._world.happened
        return {
            "outbox": sorted((row["id"], row["aggregateid"], row["aggregate_seq"]) for row in postgres.outbox.values()),
            "outbox_sequences": sorted((entity, last) for (_, entity), last in postgres.numbers.items()),
            "inbox": sorted(event for _, _, event in postgres.handled),
            "effects": sorted(effect for each in happened if isinstance(each, Committed) for effect in each.effects),
            "known": sorted(postgres.known),
            "told": self._told,
        }


IS_BLOCKED = """SELECT EXISTS (SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pg_blocking_pids(pid) <> '{}')"""


class RealStage:
    """Its tables are emptied before each play."""

    def __init__(self, url: str) -> None:
        self._url, self._loop = url, asyncio.new_event_loop()
        self._observer = self.connect()
        self._listener = self.connect()
        self._told, self._has_heard_all = 0, asyncio.Event()
        self._run(self._observer.execute(TABLES))
        self._run(self._listener.add_listener(CHANNEL, self._hear))

    def emptied(self) -> "RealStage":
        tables = "outbox, outbox_sequences, inbox, effects, known"
        self._run(self._observer.execute(f"TRUNCATE {tables} RESTART IDENTITY"))
        self._told = 0
        return self

    def close(self) -> None:
        for connection in (self._listener, self._observer):
            self._run(connection.close())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        if payload == "that is all":
            self._has_heard_all.set()
        else:
            self._told += 1

    def connect(self) -> Any:
        return self._run(asyncpg.connect(self._url, server_settings={"deadlock_timeout": "10ms"}))

    def begin(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        return self._loop.create_task(work)

    def settle(self, tasks: Iterable["asyncio.Task[Any]"]) -> None:
        self._run(self._all_done_or_waiting([*tasks]))

    async def _all_done_or_waiting(self, tasks: list["asyncio.Task[Any]"]) -> None:
        while open_ := [task for task in tasks if not task.done()]:
            if len(open_) == 1 and await self._observer.fetchval(IS_BLOCKED):
                return
            await asyncio.wait(open_, timeout=0.003)

    def cut(self, connection: Any) -> None:
        self._run(self._end(connection.get_server_pid()))
        connection.terminate()

    async def _end(self, pid: int) -> None:
        await self._observer.execute("SELECT pg_terminate_backend($1)", pid)
        while await self._observer.fetchval("SELECT true FROM pg_stat_activity WHERE pid = $1", pid):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.002)

    def left(self) -> dict[str, Any]:
        self._run(self._hear_all())
        return {
            "outbox": self._rows("SELECT id, aggregateid, aggregate_seq FROM outbox ORDER BY id"),
            "outbox_sequences": self._rows("SELECT aggregateid, last FROM outbox_sequences ORDER BY 1"),
            "inbox": [event for (event,) in self._rows("SELECT event_id FROM inbox ORDER BY 1")],
            "effects": self._rows("SELECT thing, number, event_id FROM effects ORDER BY 1, 2, 3"),
            "known": [thing for (thing,) in self._rows("SELECT thing FROM known ORDER BY 1")],
            "told": self._told,
        }

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._run(self._observer.fetch(query))]

    async def _hear_all(self) -> None:
        self._has_heard_all.clear()
        await self._observer.execute("SELECT pg_notify($1, 'that is all')", CHANNEL)
        await asyncio.wait_for(self._has_heard_all.wait(), 10)


@pytest.fixture
async def database_url(new_database: NewDatabase) -> str:
    return await new_database("notifier_svc")  # any service's has the chassis' tables


@pytest.fixture
def real_stage(database_url: str) -> Iterator[RealStage]:
    stage = RealStage(database_url)
    yield stage
    stage.close()


def test_whatever_two_sessions_do_goes_as_on_a_real_server(real_stage: RealStage) -> None:
    @settings(SETTINGS, max_examples=60 * TIMES, phases=[Phase.generate])
    @given(plays)
    def go_the_same(play: list[Step]) -> None:
        assert acted(play, SimulatedStage()) == acted(play, real_stage.emptied())

    go_the_same()


def test_a_transaction_that_has_written_is_among_the_running_until_it_ends(real_stage: RealStage) -> None:
    stages: list[Stage] = [SimulatedStage(), real_stage.emptied()]
    for stage in stages:
        early, late = Session(stage.connect()), Session(stage.connect())
        _told(stage, late.do("say", 1, THINGS[0], THINGS[0]))
        _told(stage, late.do("commit", 1))
        _told(stage, early.do("learn", 2, THINGS[0]))
        [(number,)] = _told(stage, late.connection.fetch(relay._DELETE, [1]))
        assert _oldest_running(stage, late) < number
        _told(stage, early.do("commit", 2))
        patience = time.monotonic() + 30  # a real server may have other databases, and transactions there
        while _oldest_running(stage, late) <= number:
            assert time.monotonic() < patience
        for session in (early, late):
            stage.cut(session.connection)


def _oldest_running(stage: Stage, session: Session) -> Any:
    return _told(stage, session.connection.fetch(relay._FIND, SHARDS, 0))[0]["oldest_running"]


def _told(stage: Stage, work: Coroutine[Any, Any, Any]) -> Any:
    task = stage.begin(work)
    stage.settle([task])
    return task.result()


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Takes its time to give back what it had."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self._name, self._notes = name, notes

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            await asyncio.sleep(0.5)
            self._notes.append(f"{self._name} has given back {len(revoked)}")

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._notes.append(f"{self._name} was given {len(assigned)}")


KEYS = (b"a", b"d", b"b", b"f")  # by turns in the first and in the second of two partitions


async def share_a_topic(topic: str, sender: Any, consumer: Callable[[], Any]) -> list[Any]:
    """What is told to a consumer that reads, commits, goes back, pauses, and is not alone in its group for a while."""
    told: list[Any] = []
    notes: list[str] = []

    async def join(name: str) -> Any:
        joining = consumer()
        joining.subscribe(topics=[topic], listener=Listener(name, notes))
        await joining.start()
        return joining

    async def send(*keys: bytes) -> None:
        told.append(await sender.send([RecordToSend(topic, key, b"{}", [("ce_id", key)]) for key in keys]))

    async def take(least: int) -> None:
        found: dict[TopicPartition, list[Any]] = defaultdict(list)
        while sum(map(len, found.values())) < least:
            for partition, records in (await first.getmany(timeout_ms=300)).items():
                found[partition] += [(each.offset, each.key, each.value, tuple(each.headers)) for each in records]
        told.append(sorted((each.partition, records) for each, records in found.items()))

    partitions = [TopicPartition(topic, number) for number in (0, 1)]
    await send(*KEYS, *KEYS)
    first = await join("first")
    await take(8)
    await first.commit({partitions[0]: 1})
    told.append([(await first.committed(each), await first.position(each)) for each in partitions])
    told.append(sorted((await first.end_offsets(partitions)).items()))
    first.seek(partitions[1], 1)
    await take(3)
    first.pause(partitions[0])
    await send(*KEYS)
    await take(2)
    told.append(await first.getmany(timeout_ms=500))
    first.resume(partitions[0])
    await take(2)
    second = await join("second")
    await _until(lambda: len(first.assignment()) == len(second.assignment()) == 1)
    told.append(first.assignment() | second.assignment() == {*partitions})
    with pytest.raises(IllegalStateError):
        await first.commit(dict.fromkeys(partitions, 2))
    await second.stop()
    await _until(lambda: len(first.assignment()) == 2)
    await take(11)
    await first.stop()
    await sender.close()
    return [*told, [note for note in notes if note != "first was given 1"]]


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.05)


@pytest.fixture
async def topic(new_topic: NewTopic) -> str:
    return await new_topic(partitions=2)


def test_whatever_a_consumer_does_goes_as_on_a_real_broker(kafka: str, topic: str) -> None:
    async def on_a_real_broker() -> list[Any]:
        client = {"group_id": topic, "enable_auto_commit": False, "heartbeat_interval_ms": 200} | READING
        return await share_a_topic(topic, Sender(kafka), partial(AIOKafkaConsumer, bootstrap_servers=kafka, **client))

    world = World()
    world.kafka.partitions = 2
    consumer = partial(simulated_kafka.Consumer, world.kafka, bootstrap_servers="consumer", group_id=topic)
    play = world.start("play", share_a_topic(topic, simulated_kafka.Sender(world.kafka, "sender"), consumer))
    world.settle(play.done, within=600)
    assert play.result() == asyncio.run(on_a_real_broker())
