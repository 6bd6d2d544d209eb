"""What becomes of an event that cannot be handled (architecture.md, section 6)."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from chassis import metrics
from chassis.clock import happens_within
from chassis.database import is_outage
from chassis.kafka import Sender
from chassis.observe import scrub
from relink_contracts.envelope import RecordToSend

# How long one batch may wait in all, whatever for: well below the rebalance timeout, in which it must end.
_BATCH_SECONDS: Final = 30.0
# Seconds before each further try, by what failed: 6 tries in 13.5 s, 3 tries in 5 s.
_PAUSES: Final = {"not_yet_known": (0.5, 1.0, 2.0, 4.0, 6.0), "unexpected": (1.0, 4.0)}
_NOT_READY_SECONDS, _IN_A_ROW, _LANES = 60.0, 5, 100
_log = structlog.get_logger(__name__)

Partition = tuple[str, int]


class NotYetKnown(Exception):
    """Raised by a handler: nobody has told us of this entity yet. It is tried again for a while, then put aside."""

    def __init__(self, entity: str) -> None:
        self.entity = entity
        super().__init__(f"{entity} is not known here")


class Settled(Enum):
    """What became of a record. Its offset may be committed unless it was LEFT."""

    HANDLED = "handled"
    PASSED = "passed"  # nothing for a handler in it: an unknown type, or no event and put aside
    PARKED = "parked"  # its handler failed, so it was put aside
    LEFT = "left"  # to be taken again


class Batch:
    """The records of one poll until each is settled. `settled` says it of the record in the same place."""

    def __init__(self, records: Sequence[ConsumerRecord], hurry: asyncio.Event) -> None:
        self.records, self._hurry = records, hurry
        self.until = asyncio.get_running_loop().time() + _BATCH_SECONDS
        self.settled: list[Settled | None] = [None] * len(records)
        self.places: dict[Partition, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            self.places[record.topic, record.partition].append(place)
        self.outcomes: dict[tuple[str, str], int] = defaultdict(int)  # by topic, for the metric
        self._awaited: dict[int, asyncio.Event] = {}

    async def work(self, one_key: Callable[[list[int]], Awaitable[None]]) -> None:
        """Have what is not settled worked on: keys side by side, each by the places of its records, in order."""
        keys: dict[object, list[int]] = defaultdict(list)
        for place, record in enumerate(self.records):
            if self.settled[place] is None:
                keys[record.topic, record.partition, record.key].append(place)
        # The longest first: begun last, it would be worked on alone while the others are done.
        self._one_key, self._keys = one_key, iter(sorted(keys.values(), key=len, reverse=True))
        # A task per key would cost more than an idle handler; so there are some, and one that waits starts another.
        async with asyncio.TaskGroup() as self._lanes:
            for _ in range(min(_LANES, len(keys))):
                self._lanes.create_task(self._lane())

    async def _lane(self) -> None:
        for places in self._keys:
            await self._one_key(places)

    def settle(self, place: int, settled: Settled) -> None:
        self.settled[place] = settled
        if place in self._awaited:
            self._awaited[place].set()

    @property
    def has_time(self) -> bool:
        return not self._hurry.is_set() and asyncio.get_running_loop().time() < self.until

    async def pause(self, seconds: float) -> bool:
        """Wait before another try. False when there is no time left for one."""
        self._lanes.create_task(self._lane())
        await happens_within(self._hurry, min(seconds, self.until - asyncio.get_running_loop().time()))
        return self.has_time

    async def before(self, record: ConsumerRecord) -> list[Settled | None]:
        """What became of the records before this one in its partition, once that is known of all of them."""
        self._lanes.create_task(self._lane())
        places = self.places[record.topic, record.partition]
        earlier = [place for place in places if self.records[place].offset < record.offset]
        for place in earlier:
            if self.settled[place] is None:
                await self._awaited.setdefault(place, asyncio.Event()).wait()
        return [self.settled[place] for place in earlier]

    def offsets(self) -> dict[TopicPartition, tuple[int, bool]]:
        """Up to where each partition may be committed, and whether that is a record to be taken again."""
        offsets = {}
        for partition, places in self.places.items():
            left = [self.records[place].offset for place in places if self.settled[place] is Settled.LEFT]
            offset = left[0] if left else self.records[places[-1]].offset + 1
            offsets[TopicPartition(*partition)] = offset, bool(left)
        return offsets


@dataclass(frozen=True)
class _Failure:
    code: str
    error: Exception
    attempts: int = 1
    first_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class FailurePolicy:
    """One service's: tries again, puts aside, and stops when that happens too often in a row."""

    def __init__(self, service: str, kafka: str, version: str) -> None:
        self._service, self._version = service, version
        self.sender, self._sending = Sender(kafka), asyncio.Lock()
        self._in_a_row: dict[Partition, int] = defaultdict(int)
        self._outage_since: float | None = None
        self.have_stopped = False
        metrics.consumer_stopped.labels(service).set(0)

    @property
    def are_bearable(self) -> bool:
        """False once the consumer has stopped, or while the database has been away for a minute."""
        now = asyncio.get_running_loop().time()
        return not self.have_stopped and now - (self._outage_since or now) < _NOT_READY_SECONDS

    async def tried(self, handle: Callable[[], Awaitable[None]], record: ConsumerRecord, batch: Batch) -> Settled:
        """Handle the record, again after a pause if need be."""
        counted: dict[str, int] = defaultdict(int)
        first_at = None
        while not self.have_stopped:
            try:
                await handle()
            except Exception as error:  # noqa: BLE001 - whatever it is, the record must come to something
                first_at = first_at or datetime.now(UTC)
                code = self._code(error)
                counted[code] += 1
                what = f"{type(error).__name__}: {scrub(str(error))}"
                _log.warning("event.failed", topic=record.topic, offset=record.offset, code=code, error=what)
                if code in _PAUSES and counted[code] > len(_PAUSES[code]):
                    return await self._park(record, batch, _Failure(code, error, sum(counted.values()), first_at))
                if not await batch.pause(_PAUSES[code][counted[code] - 1] if code in _PAUSES else 1.0):
                    return Settled.LEFT
            else:
                self._outage_since = None
                return Settled.HANDLED
        return Settled.LEFT

    async def put_aside(self, record: ConsumerRecord, batch: Batch, code: str, error: Exception) -> Settled:
        """For bytes that are no event: no retry changes them, and they say nothing about our handlers."""
        return Settled.PASSED if await self._dead_letter(record, batch, _Failure(code, error)) else Settled.LEFT

    def remember(self, batch: Batch) -> None:
        """Count what came of this batch, and carry into the next one how each partition ended."""
        for (topic, outcome), times in batch.outcomes.items():
            metrics.events.labels(self._service, topic, outcome).inc(times)
        for partition, places in batch.places.items():
            self._in_a_row[partition] = self._row(partition, [batch.settled[place] for place in places])

    def _code(self, error: Exception) -> str:
        if isinstance(error, NotYetKnown):
            return "not_yet_known"
        if not is_outage(error):
            return "unexpected"
        self._outage_since = self._outage_since or asyncio.get_running_loop().time()
        return "outage"

    def _row(self, partition: Partition, settled: Iterable[Settled | None]) -> int:
        """How many handler failures stand one after the other at the end, those of earlier batches counted in."""
        row = self._in_a_row[partition]
        for each in settled:
            if each is Settled.LEFT:
                break  # from here on they are taken again, and counted then
            if each is not Settled.PASSED:
                row = row + 1 if each is Settled.PARKED else 0
        return row

    async def _park(self, record: ConsumerRecord, batch: Batch, failure: _Failure) -> Settled:
        # In the order of offsets, although keys run side by side: only so does "in a row" mean something, and only so
        # are no more than five put aside when everything fails.
        earlier = await batch.before(record)
        if self.have_stopped or Settled.LEFT in earlier or not await self._dead_letter(record, batch, failure):
            return Settled.LEFT
        if self._row((record.topic, record.partition), [*earlier, Settled.PARKED]) >= _IN_A_ROW:
            self.have_stopped = True
            metrics.consumer_stopped.labels(self._service).set(1)
            _log.error("consumer.stopped", topic=record.topic, partition=record.partition, in_a_row=_IN_A_ROW)
        return Settled.PARKED

    async def _dead_letter(self, record: ConsumerRecord, batch: Batch, failure: _Failure) -> bool:
        """Whether the broker has confirmed the copy; only then may the record's own offset be committed."""
        origin = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        added = {
            "consumer": self._service,
            **{f"origin-{name}": value for name, value in origin.items()},
            "origin-timestamp": datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(),
            "error-code": failure.code,
            "error-class": type(failure.error).__name__,
            "error-message": scrub(str(failure.error)),
            "attempts": failure.attempts,
            "first-failed-at": failure.first_at.isoformat(),
            "failed-at": datetime.now(UTC).isoformat(),
            "service-version": self._version,
        }
        headers = [*record.headers, *((f"dlq-{name}", str(value).encode()) for name, value in added.items())]
        # The client refuses to send a record with neither key nor value.
        value = b"" if record.key is None and record.value is None else record.value
        try:
            async with self._sending:
                if not batch.has_time:
                    return False
                [refusal] = await self.sender.send([RecordToSend(f"{self._service}.dlq", record.key, value, headers)])
        except KafkaError as no_producer:
            refusal = no_producer
        if refusal is not None:
            batch.until = 0.0  # the next ones would each wait in vain, and the batch outlast the rebalance
            metrics.dead_letter_failures.labels(self._service).inc()
            both = BaseExceptionGroup("handled neither by us nor by the broker", [failure.error, refusal])
            _log.error("event.dead_letter_failed", **origin, code=failure.code, exc_info=both)
            return False
        metrics.dead_letters.labels(self._service, failure.code).inc()
        trace = failure.error if failure.code == "unexpected" else None
        _log.error("event.dead_lettered", **origin, code=failure.code, error=added["error-message"], exc_info=trace)
        return True
