"""From the outbox to Kafka: at least once, the records of a key in the order they were added.

Any number of replicas may run. Each shard is under its own advisory lock while one of them works on it; a relay that
was paused and wakes without its lock can only send again what another has sent too, under the same event id.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog
from aiokafka.errors import KafkaConnectionError, KafkaError
from opentelemetry import trace
from relink_contracts.envelope import RecordToSend

from chassis import metrics
from chassis.clock import happens_within
from chassis.database import COMMAND_SECONDS, is_outage
from chassis.kafka import Sender
from chassis.observe import links_to
from chassis.outbox import CHANNEL, SHARDS

_LOCK_CLASS: Final = 0x6F75_7462  # the first half of the advisory lock's key; the shard is the second
_BATCH: Final = 500
_POLL_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 5.0

_SHARDS_WITH_ROWS = "SELECT s FROM generate_series(0, $1 - 1) s WHERE EXISTS (SELECT FROM outbox WHERE shard = s)"
_LOCK = "SELECT pg_try_advisory_xact_lock($1, $2)"
_NEXT = "SELECT id, topic, payload, headers FROM outbox WHERE shard = $1 ORDER BY id LIMIT $2"
_DELETE = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"
_OLDEST = "SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 FROM outbox ORDER BY id LIMIT 1"

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer("chassis.relay")


class Relay:
    """Sends what waits in the outbox. `database_url` must not pass a transaction pooler: the relay listens."""

    name = "relay"

    def __init__(self, database_url: str, kafka: str) -> None:
        self._database_url = database_url
        self._sender = Sender(kafka)
        self._woken = asyncio.Event()
        self._pause = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`, then the batch in hand. Database and broker may go away and come back."""
        while not stopping.is_set():
            try:
                await self._relay(stopping)
            except (KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                if not (isinstance(error, KafkaError) or is_outage(error)):
                    raise
                self._pause = min(_LONGEST_PAUSE_SECONDS, self._pause * 2 or 0.2)
                _log.warning("relay.waiting", seconds=self._pause, error=f"{type(error).__name__}: {error}")
                await happens_within(stopping, self._pause)
        await self._sender.close()

    async def _relay(self, stopping: asyncio.Event) -> None:
        connection = await asyncpg.connect(self._database_url, timeout=10, command_timeout=COMMAND_SECONDS)
        try:
            await connection.add_listener(CHANNEL, lambda *_: self._woken.set())
            while not stopping.is_set():
                self._woken.clear()
                if not await self._pass(connection):
                    await happens_within(self._woken, _POLL_SECONDS)
        finally:
            connection.terminate()

    async def _pass(self, connection: asyncpg.Connection) -> bool:
        """One batch of each shard that has rows. True if there was a full one, so that more may wait."""
        metrics.outbox_oldest_seconds.set(await connection.fetchval(_OLDEST) or 0)
        shards = [row["s"] for row in await connection.fetch(_SHARDS_WITH_ROWS, SHARDS)]
        if not shards:
            return False
        if not await self._sender.is_reachable():
            raise KafkaConnectionError("no broker answers")
        random.shuffle(shards)  # so that replicas meet less
        full = False
        failures: list[BaseException] = []
        for shard in shards:
            sent, failed = await self._relay_shard(connection, shard)
            full = full or sent == _BATCH
            failures += failed
        if failures:
            raise failures[0]
        self._pause = 0.0
        return full

    async def _relay_shard(self, connection: asyncpg.Connection, shard: int) -> tuple[int, list[BaseException]]:
        # Read committed and no row lock before the DELETE: no snapshot and no transaction id is held while Kafka
        # answers, so vacuum is not kept from the rows that others delete meanwhile.
        async with connection.transaction():
            if not await connection.fetchval(_LOCK, _LOCK_CLASS, shard):
                return 0, []
            rows = await connection.fetch(_NEXT, shard, _BATCH)
            records = [_record(row) for row in rows]
            results = await self._send(records) if records else []
            blocked: set[tuple[str, bytes]] = set()
            done = []
            for row, record, error in zip(rows, records, results, strict=True):
                if error is not None:
                    blocked.add((record.topic, record.key))
                elif (record.topic, record.key) not in blocked:
                    done.append(row["id"])
            await connection.execute(_DELETE, done)
        metrics.relayed.inc(len(done))
        return len(done), [error for error in results if error is not None]

    async def _send(self, records: Sequence[RecordToSend]) -> list[BaseException | None]:
        links = [link for record in records for link in links_to(record.headers)]
        with _tracer.start_as_current_span("relay", kind=trace.SpanKind.PRODUCER, links=links):
            return await self._sender.send(records)


def _record(row: asyncpg.Record) -> RecordToSend:
    headers: dict[str, str] = json.loads(row["headers"])
    key = headers["ce_partitionkey"].encode()
    return RecordToSend(row["topic"], key, row["payload"], [(name, text.encode()) for name, text in headers.items()])
