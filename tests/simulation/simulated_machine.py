"""What the four state machines have in common, and how they are run."""

import functools
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

import pytest
from aiokafka import ConsumerRecord
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from simulated_kafka import Fate
from simulated_things import THINGS, ThingHappened, ThingState, said
from simulated_world import Asked, World

from relink_contracts.envelope import Outgoing, RecordToSend, to_record

TIMES = int(os.environ.get("SIMULATE_TIMES", "1"))
"""So many times the ordinary runs; if it is not one, other choices are drawn each time."""

calls = st.sampled_from([1, 2, 3, 5, 8, 13, 40])
choices = st.integers(0, 2**16).map(random.Random)
fates = st.lists(st.sampled_from(Fate), min_size=2, max_size=4)
# One entity has most to say: what happens to several events of one is what is hard.
things = st.sampled_from([THINGS[0], *THINGS])
events = st.sampled_from([ThingHappened, ThingHappened, ThingState])


class Violation(AssertionError):
    """The product broke a promise."""


def must(promise: str, kept: object) -> None:
    if not kept:
        raise Violation(promise)


class Place(NamedTuple):
    """Of an event: its topic, its entity, and which of that entity's on that topic it is."""

    topic: str
    thing: str
    number: int


class Simulation(RuleBasedStateMachine):
    """One run: a world with stand-ins at the edges of the product, and what is true in it."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.world = World()
        self.world.stand_in(self.patch)
        self._numbers = count(1)
        self._sequences: dict[str, int] = defaultdict(int)
        self.expected: dict[str, tuple[Place, RecordToSend]] = {}
        """By event id, what became true."""
        self.amounts: dict[tuple[str, str], int] = defaultdict(int)
        """How much became true, by topic and entity."""
        self.firsts: dict[tuple[str, str], int] = defaultdict(int)
        """How much of that has been delivered, by topic and entity."""
        self.latest: dict[tuple[str, str], int] = defaultdict(int)
        """Which was delivered last, by topic and entity."""
        self.late: set[int] = set()
        """Which records in Kafka (`written`) came from a relay that had been cut off while it sent them."""
        self._looked_at = 0

    def teardown(self) -> None:
        """Called after the last step of every run, also after one that failed."""
        try:
            if sys.exc_info()[0] is None:
                self.in_the_end()
        finally:
            self.world.close()
            self.patch.undo()

    def in_the_end(self) -> None:
        """Nothing fails any more: what must become true then?"""

    def killed(self, process: str, fates: Sequence[Fate], choose: random.Random) -> None:
        """And of what it had asked for, something may have taken effect: `fates` is what became of what it sent."""
        asked = self.world.asked_by(process)
        self.world.kill(process, after=_effect(choose.choice([*asked, None]), fates))

    def cut_off(self, process: str, choose: random.Random) -> None:
        """From the database, all its connections or one; a statement there may have taken effect.

        If it is sending, it goes on and does not notice.
        """
        connections = self.world.postgres.sessions(process)
        if connections and choose.random() < 0.5:
            connections = [choose.choice(connections)]
        statements = [asked for asked in self.world.asked_by(process) if asked.over in connections]
        self.world.cut(process, connections, after=_effect(choose.choice([*statements, None]), ()))

    def next_event(self, event: type[ThingHappened], thing: str) -> Outgoing:
        return said(event, thing, next(self._numbers))

    def became_true(self, outgoing: Outgoing) -> RecordToSend:
        """The record that must come of it."""
        thing = outgoing.subject
        self._sequences[thing] += 1
        record = to_record(outgoing, self._sequences[thing])
        self.amounts[record.topic, thing] += 1
        place = Place(record.topic, thing, self.amounts[record.topic, thing])
        self.expected[str(outgoing.id)] = (place, record)
        return record

    def check_deliveries(self) -> None:
        """Look at what has come to Kafka since the last look."""
        for place, record in enumerate(self.world.kafka.written[self._looked_at :], self._looked_at):
            must("nothing is sent that was not committed", event_id(record) in self.expected)
            (topic, thing, number), whole = self.expected[event_id(record)]
            must("a record is what was said, with its entity's number", _same(record, whole))
            first = self.firsts[topic, thing]
            must("first deliveries are in order", number <= first + 1)
            self.firsts[topic, thing] = max(first, number)
            if place not in self.late:
                self.latest[topic, thing] = number
        self._looked_at = len(self.world.kafka.written)


def _effect(asked: Asked | None, fates: Sequence[Fate]) -> Callable[[], Any] | None:
    if asked is None or asked.what != "sends":
        return asked and asked.effect
    return functools.partial(asked.effect, fates)


def event_id(record: ConsumerRecord | RecordToSend) -> str:
    return dict(record.headers)["ce_id"].decode()


def _same(record: ConsumerRecord, whole: RecordToSend) -> bool:
    return (record.topic, record.key, record.value, dict(record.headers)) == (*whole[:3], dict(whole.headers))


def run(machine: type[Simulation], *, runs: int, steps: int = 40) -> None:
    run_state_machine_as_test(machine, settings=_settings(runs * TIMES, steps))


def finds(machine: type[Simulation], *, within: int, steps: int = 40) -> str:
    """The promise that the machine finds broken within so many runs. Fails if it finds none."""
    only_found = settings(_settings(within, steps), derandomize=True, phases=[Phase.generate])
    with pytest.raises(Violation) as violation:
        run_state_machine_as_test(machine, settings=only_found)
    return str(violation.value)


def _settings(runs: int, steps: int) -> settings:
    return settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
