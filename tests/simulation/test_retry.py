"""Retries: handlers that fail in every way, while database, broker and dead letters come and go."""

import asyncio
from collections import Counter
from enum import Enum
from random import Random
from typing import Any, TypeAlias

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from simulated_kafka import Fate
from simulated_machine import Simulation, Violation, calls, choices, event_id, fates, finds, must, run, things
from simulated_postgres import EFFECT, IS_KNOWN, LEARN
from simulated_things import NOON, THINGS, ThingHappened, ThingState, plant

from chassis import metrics
from chassis.consume import Consumer, NotYetKnown, knows, reacts
from chassis.database import Tx
from chassis.failures import Batch, FailurePolicy
from chassis.testing import FrozenClock
from relink_contracts.envelope import Received, RecordToSend

SERVICE, PARTITIONS, IN_A_ROW = "retry-svc", 2, 5
DEAD_LETTERS = f"{SERVICE}.dlq"


class Kind(Enum):
    """Of an event: what its handler does about it."""

    FINE = "is handled"
    FAILS_TWICE = "is handled at the third try"
    FAILS = "is never handled"
    NEEDS_STATE = "is handled when its entity is known"
    NO_EVENT = "is not even an event"
    NEWER = "is of a type that nobody here knows"


CODES = {Kind.FAILS: b"unexpected", Kind.NEEDS_STATE: b"not_yet_known", Kind.NO_EVENT: b"not_json"}
TROUBLES = ("without database", "without broker", "dead letters refused", "dead letters unanswered")
kinds = st.sampled_from([Kind.FAILS, Kind.FAILS, *Kind])
some_come = st.lists(st.tuples(things, kinds), max_size=6)
Come: TypeAlias = list[tuple[str, Kind]]
seconds = st.sampled_from([0, 1, 5, 40])


class Retrying(Simulation):
    """One consumer, started again when it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.world.kafka.partitions = PARTITIONS
        self.world.postgres.when_committed = self._look_at_commit
        self.broken: Violation | None = None
        self.kinds: dict[str, Kind] = {}
        self.tries: Counter[str] = Counter()
        self.of_thing: dict[str, list[str]] = {thing: [] for thing in THINGS}
        self.records: dict[str, ConsumerRecord] = {}
        self.effects: set[str] = set()
        self.dead: set[str] = set()
        self._effects_seen = self._letters_seen = 0
        self._start()

    def _start(self) -> None:
        self.process, self.stopping = self.world.name("consumer"), asyncio.Event()
        self.parked: list[tuple[int, int]] = []
        """By this process: partition and offset of what it put aside since its handler failed."""
        self.has_stopped = False
        handlers = [knows(ThingState, self._learn), reacts(ThingHappened, self._react)]
        database = self.world.database(self.process)
        consumer = Consumer(SERVICE, database, self.process, handlers, FrozenClock(NOON), version="1")
        self.task = self.world.start(self.process, consumer.run(self.stopping))

    async def _learn(self, event: Received[Any], tx: Tx) -> None:
        await tx.execute(LEARN, event.subject)

    async def _react(self, event: Received[Any], tx: Tx) -> None:
        which = str(event.id)
        kind = self.kinds[which]
        if kind is Kind.NEEDS_STATE and await tx.fetchrow(IS_KNOWN, event.subject) is None:
            raise NotYetKnown(event.subject)
        if kind is Kind.FAILS or (kind is Kind.FAILS_TWICE and self.tries[which] < 2):
            self.tries[which] += 1
            raise RuntimeError("a bug")
        await tx.execute(EFFECT, event.subject, event.sequence, event.id)

    @rule(come=some_come, calls=calls, choice=choices, after=seconds)
    def consumer_goes_on(self, come: Come, calls: int, choice: Random, after: float) -> None:
        self._come(come)
        self.world.live(after, choice)
        self.world.go_on(self.process, calls, choice)

    @rule(come=some_come, choice=choices, trouble=st.sampled_from(TROUBLES), during=seconds)
    def consumer_goes_on_in(self, come: Come, choice: Random, trouble: str, during: float) -> None:
        self._come(come)
        if trouble == "without database":
            self.world.postgres.goes_away()
        elif trouble == "without broker":
            self.world.kafka.is_away, during = True, min(during, 7)  # it tries to begin every second: slow
        else:
            self.world.kafka.fate_on[DEAD_LETTERS] = Fate(trouble.removeprefix("dead letters "))
        self.world.live(during, choice)
        self.world.postgres.is_away = self.world.kafka.is_away = False
        self.world.kafka.fate_on.clear()

    @rule(thing=things)
    def entity_becomes_known(self, thing: str) -> None:
        self.world.kafka.append(self.became_true(self.next_event(ThingState, thing)))
        self.world.loop.run_until_idle()

    @rule(fate=st.sampled_from(["killed", "cut off", "told to stop"]), fates=fates, choice=choices)
    def consumer_is(self, fate: str, fates: list[Fate], choice: Random) -> None:
        if fate == "killed":
            self.killed(self.process, fates, choice)
        elif fate == "cut off":
            self.cut_off(self.process, choice)
        else:
            self.stopping.set()
            self.world.loop.run_until_idle()

    def _come(self, come: Come) -> None:
        for thing, kind in come:
            topic, key, value, headers = self.became_true(outgoing := self.next_event(ThingHappened, thing))
            if kind is Kind.NO_EVENT:
                value = b"{nonsense"
            if kind is Kind.NEWER:
                headers = [(name, b"relink.thing.happened.v2" if name == "ce_type" else text) for name, text in headers]
            self.kinds[str(outgoing.id)] = kind
            self.of_thing[thing].append(str(outgoing.id))
            self.records[str(outgoing.id)] = self.world.kafka.append(RecordToSend(topic, key, value, headers))
        self.world.loop.run_until_idle()

    @invariant()
    def kept(self) -> None:
        self._look()
        if self.broken is not None:
            raise self.broken
        if self.task.done() or not self.world.is_alive(self.process):
            if self.world.is_alive(self.process):
                self.task.result()  # it does not end by an error
            self._start()
        for which, record in self.records.items():
            if record.offset < self._committed(record.partition):
                must("nothing is committed before it is settled", self._is_settled(which))
        stopped = self._is_stopped()
        must("five failures in a row stop the consumer", stopped or not any(map(self._holds_five, range(PARTITIONS))))
        must("nothing else stops it", not stopped or len(self.parked) >= IN_A_ROW)
        self.has_stopped = stopped

    def _look_at_commit(self, _process: str) -> None:
        """Not raised here, where the product would take it for the answer to its commit."""
        try:
            self._look()
        except Violation as violation:
            self.broken = self.broken or violation

    def _look(self) -> None:
        """What has it put aside since the last look, and what done?"""
        kafka, postgres = self.world.kafka, self.world.postgres
        letters = list(enumerate(kafka.written))[self._letters_seen :]
        effects = postgres.effects[self._effects_seen :]
        self._letters_seen, self._effects_seen = len(kafka.written), len(postgres.effects)
        for place, record in letters:
            if record.topic == DEAD_LETTERS:
                self._look_at_letter(record, is_confirmed=place not in kafka.unanswered)
        for thing, _, which in effects:
            must("an event has its effect once", str(which) not in self.effects)
            self.effects.add(str(which))
            before = self.of_thing[thing][: self.of_thing[thing].index(str(which))]
            must("nothing is done before what came before it is settled", all(map(self._is_settled, before)))

    def _look_at_letter(self, letter: ConsumerRecord, *, is_confirmed: bool) -> None:
        which, headers = event_id(letter), dict(letter.headers)
        kind, record = self.kinds[which], self.records[which]
        must("what can be handled is not put aside", headers["dlq-error-code"] == CODES.get(kind))
        same = (letter.key, letter.value, letter.headers[: len(record.headers)])
        must("a dead letter is the record, unchanged", same == (record.key, record.value, record.headers))
        self.dead.add(which)
        if kind is not Kind.NO_EVENT:
            must("a consumer that has stopped puts nothing more aside", not self.has_stopped)
            if is_confirmed:
                self.parked.append((record.partition, record.offset))

    def _is_settled(self, which: str) -> bool:
        return which in self.effects or which in self.dead or self.kinds[which] is Kind.NEWER

    def _holds_five(self, partition: int) -> bool:
        """Whether this process put five aside between which stands nothing that it handled."""
        parked = {offset for number, offset in self.parked if number == partition}
        row = 0
        for which, record in self.records.items():
            if record.partition == partition and self.kinds[which] not in (Kind.NO_EVENT, Kind.NEWER):
                row = row + 1 if record.offset in parked else 0
                if row == IN_A_ROW:
                    return True
        return False

    def _committed(self, partition: int) -> int:
        return self.world.kafka.committed.get((SERVICE, TopicPartition(ThingHappened.TOPIC, partition)), 0)

    def in_the_end(self) -> None:
        """It is started again each time when it stops; and so it comes through."""
        for _ in range(100):
            if self._is_through():
                break
            before = list(map(self._committed, range(PARTITIONS)))
            self.world.settle(
                lambda before=before: self._gets_further(before) or self.task.done() or self._stops(), within=100
            )
            if self._stops():
                self.world.kill(self.process)
            self.kept()
        must("it comes through, however often it stops", self._is_through())
        must("everything is settled", all(map(self._is_settled, self.records)))
        could = {which for which, kind in self.kinds.items() if kind in (Kind.FINE, Kind.FAILS_TWICE)}
        must("what can be handled is handled", could <= self.effects)

    def _gets_further(self, before: list[int]) -> bool:
        return before != list(map(self._committed, range(PARTITIONS)))

    def _stops(self) -> bool:
        return self._is_stopped() and not self.world.open

    def _is_stopped(self) -> bool:
        return metrics.consumer_stopped.labels(SERVICE)._value.get() == 1

    def _is_through(self) -> bool:
        ends = map(len, self.world.kafka.topic(ThingHappened.TOPIC))
        return all(self._committed(number) == end for number, end in enumerate(ends))


def test_nothing_is_lost_and_no_key_overtakes_itself_whatever_fails() -> None:
    run(Retrying, runs=60)


def test_committing_past_a_record_to_be_taken_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Batch, "offsets", "left[0] if left else", "")
    finds(Retrying, within=400)


def test_a_dead_letter_taken_for_written_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, FailurePolicy, "_dead_letter", "if refusal is not None", "if False")
    finds(Retrying, within=400)


def test_a_key_that_goes_on_past_a_record_to_be_taken_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Consumer, "_one_key", "settled is not Settled.LEFT", "True")
    finds(Retrying, within=400)


def test_an_outage_taken_for_a_failing_handler_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, FailurePolicy, "_code", "not is_outage(error)", "True")
    finds(Retrying, within=400)


def test_a_consumer_that_never_stops_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, FailurePolicy, "_park", ">= _IN_A_ROW", "> 1000")
    finds(Retrying, within=400)


def test_a_count_of_failures_that_begins_anew_after_an_outage_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, FailurePolicy, "_row", "break", "row = 0")
    finds(Retrying, within=400)
