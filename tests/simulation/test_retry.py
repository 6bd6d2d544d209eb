"""Retries: handlers that fail in every way, while database, broker and dead letters come and go."""

from collections import Counter
from enum import Enum
from random import Random
from typing import Any, TypeAlias

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from simulated_kafka import Fate, Written
from simulated_machine import Simulation, calls, choices, event_id, fates, finds, run, things
from simulated_postgres import EFFECT, IS_KNOWN, LEARN, Committed
from simulated_things import NOON, THINGS, ThingHappened, ThingState, plant
from simulated_world import must

from chassis import metrics
from chassis.consume import Consumer, NotYetKnown, knows, reacts
from chassis.database import Tx
from chassis.failures import Batch, FailurePolicy
from chassis.run import Job
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
        self.kinds: dict[str, Kind] = {}
        self.tries: Counter[str] = Counter()
        self.of_thing: dict[str, list[str]] = {thing: [] for thing in THINGS}
        self.records: dict[str, ConsumerRecord] = {}
        self.effects: set[str] = set()
        self.dead: set[str] = set()
        self.start("consumer")

    def job(self, process: str) -> Job:
        self.parked: list[tuple[int, int]] = []
        """By this process: partition and offset of what it put aside since its handler failed."""
        self.had_stopped = False
        handlers = [knows(ThingState, self._learn), reacts(ThingHappened, self._react)]
        return Consumer(SERVICE, self.world.database(process), process, handlers, FrozenClock(NOON), version="1")

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
        self.world.go_on(self.running_process(), calls, choice)

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
            self.kill(self.running_process(), fates, choice)
        elif fate == "cut off":
            self.cut_off(self.running_process(), choice)
        else:
            self.tell_to_stop(self.running_process())

    def _come(self, come: Come) -> None:
        for thing, kind in come:
            outgoing = self.next_event(ThingHappened, thing)
            topic, key, value, headers = self.became_true(outgoing)
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
        self.look()
        self.start_again()
        for which, record in self.records.items():
            if record.offset < self._committed_in(record.partition):
                must("nothing is committed before it is settled", self._is_settled(which))
        stopped = self._has_stopped()
        must("five failures in a row stop the consumer", stopped or not any(map(self._holds_five, range(PARTITIONS))))
        must("nothing else stops it", not stopped or len(self.parked) >= IN_A_ROW)
        self.had_stopped = stopped

    def committed(self, commit: Committed) -> None:
        for thing, _, event in commit.effects:
            which = str(event)
            must("an event has its effect once", which not in self.effects)
            self.effects.add(which)
            before = self.of_thing[thing][: self.of_thing[thing].index(which)]
            must("nothing is done before what came before it is settled", all(map(self._is_settled, before)))

    def written(self, written: Written) -> None:
        letter = written.record
        if letter.topic != DEAD_LETTERS:
            return
        which, code = event_id(letter), dict(letter.headers)["dlq-error-code"]
        must("what can be handled is not put aside", which in self.kinds and code == CODES.get(self.kinds[which]))
        kind, record = self.kinds[which], self.records[which]
        same = (letter.key, letter.value, letter.headers[: len(record.headers)])
        must("a dead letter is the record, unchanged", same == (record.key, record.value, record.headers))
        self.dead.add(which)
        if kind is not Kind.NO_EVENT:
            must("a consumer that has stopped puts nothing more aside", not self.had_stopped)
            if written.is_confirmed:
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

    def _committed_in(self, partition: int) -> int:
        return self.world.kafka.committed.get((SERVICE, TopicPartition(ThingHappened.TOPIC, partition)), 0)

    def _has_stopped(self) -> bool:
        return metrics.consumer_stopped.labels(SERVICE)._value.get() == 1

    def in_the_end(self) -> None:
        for _ in range(2 * len(self.records)):
            if self._lag() > 0:
                self._get_further()
        must("it comes through, however often it stops", self._lag() == 0)
        must("everything is settled", all(map(self._is_settled, self.records)))
        could = {which for which, kind in self.kinds.items() if kind in (Kind.FINE, Kind.FAILS_TWICE)}
        must("what can be handled is handled", could <= self.effects)

    def _get_further(self) -> None:
        """Until it has committed more, or has ended; somebody starts it again when it has stopped."""
        lag, process = self._lag(), self.running_process()
        task = self.running[process].task
        self.world.settle(lambda: self._lag() < lag or self._has_stopped() or task.done(), within=100)
        if self._has_stopped():
            self.tell_to_stop(process)
            self.world.settle(task.done, within=100)
        self.kept()

    def _lag(self) -> int:
        return self.world.kafka.lag(SERVICE, ThingHappened.TOPIC)


def test_nothing_is_lost_and_no_key_overtakes_itself_whatever_fails() -> None:
    run(Retrying, runs=60)


def test_committing_past_a_record_to_be_taken_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Batch, "offsets", "left[0] if left else", "")
    finds(Retrying)


def test_a_dead_letter_taken_for_written_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, FailurePolicy, "_dead_letter", "if refusal is not None", "if False")
    finds(Retrying)


def test_a_key_that_goes_on_past_a_record_to_be_taken_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Consumer, "_one_key", "settled is not Settled.LEFT", "True")
    finds(Retrying)


def test_an_outage_taken_for_a_failing_handler_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, FailurePolicy, "_code", "not is_outage(error)", "True")
    finds(Retrying)


def test_a_consumer_that_never_stops_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, FailurePolicy, "_park", ">= _IN_A_ROW", "> 1000")
    finds(Retrying)


def test_a_count_of_failures_that_begins_anew_after_an_outage_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, FailurePolicy, "_row", "break", "row = 0")
    finds(Retrying)
