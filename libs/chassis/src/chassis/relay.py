"""From the outbox to Kafka: at least once, the records of a key in the order they were added.

Any number of replicas may run. Each shard is under its own advisory lock while one of them works on it; a relay that
was paused and wakes without its lock can only send again what another has sent too, under the same event id.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, TypeAlias

import asyncpg
import structlog
from aiokafka.errors import KafkaConnectionError, KafkaError
from opentelemetry import trace
from pydantic_core import from_json

from chassis import failpoints, metrics
from chassis.clock import happens_within
from chassis.database import COMMAND_SECONDS, is_outage
from chassis.kafka import Sender, is_reachable
from chassis.observe import span_of
from chassis.outbox import CHANNEL, SHARDS
from relink_contracts.envelope import RecordToSend

_LOCK_CLASS: Final = 0x6F75_7462  # the first half of the advisory lock's key; the shard is the second
_BATCH, _POLL_SECONDS, _LONGEST_PAUSE_SECONDS, _FLOOR_SECONDS = 1000, 1.0, 5.0, 60.0
_LANES: Final = 2  # batches in hand at once: while one waits for Kafka or PostgreSQL, the other is worked on
_TOGETHER: Final = 4  # shards in a batch: few round trips when each has little, others left to other replicas
_FIND = """SELECT s AS shard, first.id, extract(epoch FROM clock_timestamp() - first.created_at)::float8 AS age,
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running
    FROM generate_series(0, $1 - 1) s CROSS JOIN LATERAL
        (SELECT id, created_at FROM outbox WHERE shard = s AND id >= $2 ORDER BY id LIMIT 1) first"""
_LOCK = "SELECT s FROM unnest($2::int[]) s WHERE pg_try_advisory_xact_lock($1, s)"
_NEXT = """SELECT waiting.* FROM unnest($1::int[]) s CROSS JOIN LATERAL (SELECT id, topic, payload, headers FROM outbox
        WHERE shard = s AND id >= $2 ORDER BY id LIMIT $3) waiting ORDER BY id"""
_DELETE = "DELETE FROM outbox WHERE id = ANY($1::bigint[]) RETURNING pg_current_xact_id()::text::bigint"
# A relay that is frozen, or whose machine is gone, gives its shard up to the others: no batch takes that long.
_SESSION: Final = {"idle_in_transaction_session_timeout": "25s", "synchronous_commit": "off"}  # at worst sent twice
_CONNECTION: Final[dict[str, Any]] = {"timeout": 10, "command_timeout": COMMAND_SECONDS, "server_settings": _SESSION}
_log = structlog.get_logger(__name__)

Outcome: TypeAlias = tuple[int, BaseException | None]


class Relay:
    """Sends what waits in the outbox. `database_url` must not pass a transaction pooler: the relay listens."""

    name = "relay"

    def __init__(self, database_url: str, kafka: str) -> None:
        self._database_url, self._kafka = database_url, kafka
        self._senders = [Sender(kafka) for _ in range(_LANES)]  # of its own, so that one's error is not the other's
        self._news, self._in_hand = asyncio.Semaphore(0), set[int]()
        self._pause, self._sent_at = 0.0, -_POLL_SECONDS

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`, then the batches in hand. Database and broker may go away and come back."""
        while not stopping.is_set():
            try:
                await self._relay(stopping)
            except Exception as error:
                if not isinstance(error, KafkaError) and not is_outage(error):
                    raise
                self._pause = min(_LONGEST_PAUSE_SECONDS, self._pause * 2 or 0.2)
                _log.warning("relay.waiting", seconds=self._pause, error=f"{type(error).__name__}: {error}")
                await happens_within(stopping, self._pause)
        for sender in self._senders:
            await sender.close()

    async def _relay(self, stopping: asyncio.Event) -> None:
        connections: list[asyncpg.Connection] = []
        failures: list[Exception] = []

        async def work(connection: asyncpg.Connection, sender: Sender) -> None:
            floor = _Floor()  # its own: it is told of this lane's looks and deletions, one after the other
            try:
                while not stopping.is_set() and not failures:
                    if not await self._pass(connection, sender, floor):
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(self._news.acquire(), _POLL_SECONDS)
            except Exception as error:  # noqa: BLE001 - raised below, once the other lane is done with its batch
                failures.append(error)

        try:
            for _ in self._senders:
                connections.append(await asyncpg.connect(self._database_url, **_CONNECTION))  # noqa: PERF401 - all are ended
            await connections[0].add_listener(CHANNEL, self._wake_a_lane)
            await asyncio.gather(*map(work, connections, self._senders))
        finally:
            for connection in connections:
                connection.terminate()
        if failures:
            raise failures[0]

    def _wake_a_lane(self, *_: object) -> None:
        if self._news.locked():
            self._news.release()

    async def _pass(self, connection: asyncpg.Connection, sender: Sender, floor: "_Floor") -> bool:
        """One batch of each shard that has rows. True if any row was sent, so that more may wait."""
        now = asyncio.get_running_loop().time
        found = await connection.fetch(_FIND, SHARDS, floor.id_at(now()))
        metrics.outbox_oldest_seconds.set(max((row["age"] for row in found), default=0))
        if not found:
            return False
        floor.rise(found)
        if now() - self._sent_at >= _POLL_SECONDS and not await is_reachable(self._kafka):
            raise KafkaConnectionError("no broker answers")
        shards = [row["shard"] for row in found]
        random.shuffle(shards)  # so that replicas meet less
        sent, failure = 0, None
        while shards := [shard for shard in shards if shard not in self._in_hand]:
            wanted, shards = shards[:_TOGETHER], shards[_TOGETHER:]
            self._in_hand.update(wanted)
            try:
                done, error = await _relay_shards(connection, sender, wanted, floor)
            finally:
                self._in_hand.difference_update(wanted)
            sent, failure = sent + done, failure or error
        if failure is not None:
            raise failure
        self._pause, self._sent_at = 0.0, now()
        return sent > 0


class _Floor:
    """The id below which no row is left and none can come any more; 0 while nothing is known.

    Vacuum must keep deleted rows while somebody's transaction is older than they are, for hours during a dump: without
    a floor each look would step over all of them. A row with a lower id than those seen may still be committed, by a
    transaction that was running then; so the lowest id seen is the floor only when all of those have ended: when all
    have whose number is below one given later. (A snapshot's xmax is no such number: it may be given already.)
    """

    def __init__(self) -> None:
        self.id, self._seen, self._later, self._forget_at = 0, 0, 0, 0.0

    def id_at(self, now: float) -> int:
        if now >= self._forget_at:  # should ids ever begin anew, as after a restore
            self.id, self._seen, self._later, self._forget_at = 0, 0, 0, now + _FLOOR_SECONDS
        return self.id

    def rise(self, found: Sequence[asyncpg.Record]) -> None:
        """`found` is what one statement saw from this floor on."""
        lowest = min(row["id"] for row in found)
        if not self._later:
            self._seen = lowest
        elif found[0]["oldest_running"] > self._later:
            self.id, self._seen, self._later = min(lowest, self._seen), lowest, 0

    def is_followed_by(self, transaction: int | None) -> None:
        """Tell the number of a transaction that began to write after the last look; None: it wrote nothing."""
        self._later = self._later or transaction or 0


async def _relay_shards(connection: asyncpg.Connection, sender: Sender, wanted: list[int], floor: _Floor) -> Outcome:
    # Read committed and no row lock before the DELETE: no snapshot and no transaction id is held while Kafka answers,
    # so vacuum is not kept from the rows that others delete meanwhile.
    async with connection.transaction():
        shards = [row["s"] for row in await connection.fetch(_LOCK, _LOCK_CLASS, wanted)]
        rows = shards and await connection.fetch(_NEXT, shards, floor.id, max(1, _BATCH // len(shards)))
        if not rows:  # another lane or relay was faster
            return 0, None
        records = [_record(row) for row in rows]
        with span_of("relay", chain.from_iterable(record.headers for record in records), trace.SpanKind.PRODUCER):
            errors = await sender.send(records)
        failpoints.reach("relay.sent")
        blocked: set[tuple[str, bytes]] = set()
        done = []
        for row, record, error in zip(rows, records, errors, strict=True):
            if error is None and record[:2] not in blocked:
                done.append(row["id"])
            else:
                blocked.add(record[:2])  # topic and key
        floor.is_followed_by(await connection.fetchval(_DELETE, done))
    metrics.relayed.inc(len(done))
    return len(done), next(filter(None, errors), None)


def _record(row: asyncpg.Record) -> RecordToSend:
    attributes: dict[str, str] = from_json(row["headers"])
    headers = [(name, value.encode()) for name, value in attributes.items()]
    return RecordToSend(row["topic"], attributes["ce_partitionkey"].encode(), row["payload"], headers)
