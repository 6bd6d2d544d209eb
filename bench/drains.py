"""A process that empties an outbox, or does a part of that work: `python -m bench.drains DATABASE KAFKA`.

It does what it is told by a line, and answers `ready` when it can be told the next thing. While rows are done it counts
aloud: a line with their number since the last such line.
"""

import asyncio
import contextlib
import gc
import sys
from typing import Final

import asyncpg
import uvloop
from aiokafka import AIOKafkaProducer

from chassis import metrics, relay
from chassis.observe import configure_logging
from chassis.outbox import SHARDS
from chassis.relay import Relay
from relink_contracts.envelope import RecordToSend

_KEPT: Final = "SELECT topic, payload, headers FROM kept ORDER BY id"


class Drain:
    """The lines it understands are the names of its methods, with what they take."""

    def __init__(self, database_url: str, kafka: str) -> None:
        self._database_url, self._kafka = database_url, kafka
        self._stopping, self._relaying = asyncio.Event(), contextlib.AsyncExitStack()
        self._loaded: tuple[AIOKafkaProducer, list[RecordToSend]] | None = None

    async def relay(self) -> None:
        """Begin to relay as a service's worker does, and count what it has deleted."""
        self._stopping = asyncio.Event()
        tasks = [asyncio.create_task(Relay(self._database_url, self._kafka).run(self._stopping))]
        tasks += [asyncio.create_task(self._count())]
        self._relaying.push_async_callback(asyncio.wait, tasks)

    async def rest(self) -> None:
        """Finish the batch in hand and relay no more."""
        self._stopping.set()
        await self._relaying.aclose()

    async def load(self, topic: str, after: str) -> None:
        """Take the kept rows into memory, as records for the topic, but for the first, which warm a producer up."""
        connection = await asyncpg.connect(self._database_url)
        found = [relay._record(row) for row in await connection.fetch(_KEPT)]  # noqa: SLF001
        await connection.close()
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka, acks="all", enable_idempotence=True)
        await producer.start()
        records = [RecordToSend(topic, *record[1:]) for record in found]
        await _send(producer, records[: int(after)])
        self._loaded = producer, records[int(after) :]

    async def produce(self) -> None:
        """Send what is loaded, pipelined, by an idempotent producer: what Kafka and its client allow."""
        assert self._loaded is not None
        (producer, records), self._loaded = self._loaded, None
        await _send(producer, records)
        say(len(records))
        await producer.stop()

    async def delete(self) -> None:
        """Claim the rows of each shard as the relay does and delete them, without sending: what PostgreSQL allows."""
        connection = await asyncpg.connect(self._database_url)
        some = True
        while some:
            some = False
            for first in range(0, SHARDS, relay._TOGETHER):  # noqa: SLF001 - the very statements
                wanted = list(range(first, first + relay._TOGETHER))  # noqa: SLF001
                async with connection.transaction():
                    await connection.fetch(relay._LOCK, relay._LOCK_CLASS, wanted)  # noqa: SLF001
                    rows = await connection.fetch(relay._NEXT, wanted, 0, relay._BATCH // len(wanted))  # noqa: SLF001
                    await connection.execute(relay._DELETE, [row["id"] for row in rows])  # noqa: SLF001
                if rows:
                    some = True
                    say(len(rows))
        await connection.close()

    async def _count(self) -> None:
        said = metrics.relayed._value.get()  # noqa: SLF001 - asking the registry would cost more than the counting
        while not self._stopping.is_set():
            await asyncio.sleep(0.005)
            done = metrics.relayed._value.get()  # noqa: SLF001
            if done != said:
                say(int(done - said))
                said = done


async def _send(producer: AIOKafkaProducer, records: list[RecordToSend]) -> None:
    await asyncio.gather(
        *[await producer.send(topic, value, key, headers=extra) for topic, key, value, extra in records]
    )


def say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(database_url: str, kafka: str) -> None:
    gc.freeze()  # as chassis.run does
    gc.set_threshold(10_000, 20, 20)
    configure_logging("bench", "error")  # to stderr; a fresh topic may have no leader for a moment
    drain = Drain(database_url, kafka)
    say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, *arguments = line.split()
        await getattr(drain, name)(*arguments)
        say("ready")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
