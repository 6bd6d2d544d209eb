"""What becomes of an event that cannot be handled (architecture.md, section 6)."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from relink_contracts.envelope import RecordToSend

from chassis import metrics
from chassis.database import is_outage
from chassis.kafka import Sender
from chassis.observe import scrub

BUDGET_SECONDS: Final = 30.0
"""How long one batch may wait in all, whatever for: well below the rebalance timeout, in which it must end."""

_IN_A_ROW: Final = 5
_NOT_READY_SECONDS: Final = 60.0
_OUTAGE_PAUSE_SECONDS: Final = 1.0
_PAUSES: Final = {"not_yet_known": (0.5, 1.0, 2.0, 4.0, 6.0), "unexpected": (1.0, 4.0)}
"""Seconds before each further try, by what failed: 6 tries in 13.5 s, 3 tries in 5 s."""

_log = structlog.get_logger(__name__)


class NotYetKnown(Exception):
    """Raised by a handler: nobody has told us of this entity yet.

    State and events are different topics, so the event is tried again for a while before it is put aside.
    """

    def __init__(self, entity: str) -> None:
        self.entity = entity
        super().__init__(f"{entity} is not known here")


class Settled(Enum):
    """What became of a record. Its offset may be committed unless it was LEFT."""

    HANDLED = "handled"
    PASSED = "passed"  # nothing for a handler in it: an unknown type, or undecodable and put aside
    PARKED = "parked"  # its handler failed, so it was put aside
    LEFT = "left"  # to be taken again


class Batch:
    """The records of one poll until each is settled."""

    def __init__(self, records: Iterable[ConsumerRecord], hurry: asyncio.Event) -> None:
        self._hurry = hurry
        self._until = asyncio.get_running_loop().time() + BUDGET_SECONDS
        self.settled: dict[TopicPartition, dict[int, asyncio.Future[Settled]]] = defaultdict(dict)
        for record in records:
            future = asyncio.get_running_loop().create_future()
            self.settled[partition_of(record)][record.offset] = future

    def settle(self, record: ConsumerRecord, settled: Settled) -> None:
        self.settled[partition_of(record)][record.offset].set_result(settled)

    async def pause(self, seconds: float) -> bool:
        """Wait before another try. False when there is no time left for one."""
        if asyncio.get_running_loop().time() + seconds > self._until:
            return False
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds)
        except TimeoutError:
            return True
        return False

    def outcomes(self, partition: TopicPartition) -> list[Settled]:
        return [future.result() for future in self.settled[partition].values()]

    def first_left(self, partition: TopicPartition) -> int | None:
        """The first offset to be taken again."""
        settled = self.settled[partition]
        return next((offset for offset, future in settled.items() if future.result() is Settled.LEFT), None)

    async def before(self, record: ConsumerRecord) -> list[Settled]:
        """What became of the records before this one in its partition, once that is known of all of them."""
        earlier = [future for offset, future in self.settled[partition_of(record)].items() if offset < record.offset]
        return await asyncio.gather(*earlier)


def in_a_row(settled: Iterable[Settled], before: int) -> int:
    """How many handler failures were put aside one after the other, up to the last one and counting `before`."""
    for each in settled:
        if each is not Settled.PASSED:
            before = before + 1 if each is Settled.PARKED else 0
    return before


def partition_of(record: ConsumerRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


class FailurePolicy:
    """One service's: tries again, puts aside, and stops when that happens too often in a row."""

    def __init__(self, service: str, kafka: str, version: str) -> None:
        self._service, self._version = service, version
        self._sender, self._sending = Sender(kafka), asyncio.Lock()
        self._in_a_row: dict[TopicPartition, int] = defaultdict(int)
        self._outage_since: float | None = None
        self.have_stopped = False
        metrics.consumer_stopped.labels(service).set(0)

    @property
    def are_bearable(self) -> bool:
        """False once the consumer has stopped, or while the database has been away for a minute."""
        now = asyncio.get_running_loop().time()
        return not self.have_stopped and (self._outage_since is None or now - self._outage_since < _NOT_READY_SECONDS)

    async def tried(self, handle: Callable[[], Awaitable[None]], record: ConsumerRecord, batch: Batch) -> Settled:
        """Handle the record, again after a pause if need be."""
        failures: Counter[str] = Counter()
        first_failed_at = None
        while not self.have_stopped:
            try:
                await handle()
            except Exception as error:  # noqa: BLE001 - whatever it is, the record must come to something
                first_failed_at = first_failed_at or datetime.now(UTC)
                code = self._code(error)
                failures[code] += 1
                pauses = _PAUSES.get(code, ())
                if code in _PAUSES and failures[code] > len(pauses):
                    return await self._park(record, batch, code, error, failures[code], first_failed_at)
                seconds = pauses[failures[code] - 1] if code in _PAUSES else _OUTAGE_PAUSE_SECONDS
                _log.warning(
                    "event.failed",
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    code=code,
                    error=f"{type(error).__name__}: {error}",
                )
                if not await batch.pause(seconds):
                    return Settled.LEFT
            else:
                self._outage_since = None
                return Settled.HANDLED
        return Settled.LEFT

    async def put_aside(self, record: ConsumerRecord, code: str, problem: Exception) -> Settled:
        """For bytes that are no event: no retry changes them, and they say nothing about our handlers."""
        done = await self._dead_letter(record, code, problem, 1, datetime.now(UTC))
        return Settled.PASSED if done else Settled.LEFT

    def remember(self, batch: Batch) -> None:
        """Carry into the next batch how each partition of this one ended."""
        for partition in batch.settled:
            self._in_a_row[partition] = in_a_row(batch.outcomes(partition), self._in_a_row[partition])

    async def close(self) -> None:
        await self._sender.close()

    def _code(self, error: Exception) -> str:
        if isinstance(error, NotYetKnown):
            return "not_yet_known"
        if not is_outage(error):
            return "unexpected"
        self._outage_since = self._outage_since or asyncio.get_running_loop().time()
        return "outage"

    async def _park(  # noqa: PLR0913 - the facts that the dead letter carries
        self,
        record: ConsumerRecord,
        batch: Batch,
        code: str,
        error: Exception,
        attempts: int,
        first_failed_at: datetime,
    ) -> Settled:
        # In the order of offsets, although keys run side by side: only so does "in a row" mean something, and only so
        # are no more than five put aside when everything fails.
        earlier = await batch.before(record)
        if self.have_stopped or Settled.LEFT in earlier:
            return Settled.LEFT
        if not await self._dead_letter(record, code, error, attempts, first_failed_at):
            return Settled.LEFT
        if in_a_row([*earlier, Settled.PARKED], self._in_a_row[partition_of(record)]) >= _IN_A_ROW:
            self.have_stopped = True
            metrics.consumer_stopped.labels(self._service).set(1)
            _log.error("consumer.stopped", topic=record.topic, partition=record.partition, in_a_row=_IN_A_ROW)
        return Settled.PARKED

    async def _dead_letter(
        self, record: ConsumerRecord, code: str, error: Exception, attempts: int, first_failed_at: datetime
    ) -> bool:
        """Whether the broker has confirmed the copy; only then may the record's own offset be committed."""
        added = {
            "consumer": self._service,
            "origin-topic": record.topic,
            "origin-partition": str(record.partition),
            "origin-offset": str(record.offset),
            "origin-timestamp": datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(),
            "error-code": code,
            "error-class": type(error).__name__,
            "error-message": scrub(str(error)),
            "attempts": str(attempts),
            "first-failed-at": first_failed_at.isoformat(),
            "failed-at": datetime.now(UTC).isoformat(),
            "service-version": self._version,
        }
        headers = [*record.headers, *((f"dlq-{name}", text.encode()) for name, text in added.items())]
        # Neither key nor value is a record that the client refuses to send.
        value = b"" if record.key is None and record.value is None else record.value
        where = {"topic": record.topic, "partition": record.partition, "offset": record.offset, "code": code}
        try:
            async with self._sending:
                [failure] = await self._sender.send([RecordToSend(f"{self._service}.dlq", record.key, value, headers)])
        except KafkaError as no_producer:
            failure = no_producer
        if failure is not None:
            metrics.dead_letter_failures.labels(self._service).inc()
            _log.error("event.dead_letter_failed", **where, exc_info=ExceptionGroup("not put aside", [error, failure]))
            return False
        metrics.dead_letters.labels(self._service, code).inc()
        _log.error("event.dead_lettered", **where, exc_info=error)
        return True
