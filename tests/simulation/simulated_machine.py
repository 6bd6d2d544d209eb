"""What the four state machines have in common, and how they are run."""

import asyncio
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
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from simulated_kafka import Fate, Written
from simulated_postgres import Committed
from simulated_things import THINGS, ThingHappened, ThingState, said
from simulated_world import Asked, Violation, World, must

from chassis import outbox
from chassis.run import Job
from relink_contracts.envelope import Outgoing, RecordToSend, to_record

TIMES = int(os.environ.get("SIMULATE_TIMES", "1"))
"""So many times the ordinary runs; if it is not one, other choices are drawn each time."""

SETTINGS = settings(
    stateful_step_count=40,
    deadline=None,
    derandomize=TIMES == 1,
    database=None,
    suppress_health_check=list(HealthCheck),
)

calls = st.sampled_from([1, 2, 3, 5, 8, 13, 40])
choices = st.integers(0, 2**16).map(random.Random)
fates = st.lists(st.sampled_from(Fate), min_size=2, max_size=4)
# One entity has most to say: what happens to several events of one is what is hard.
things = st.sampled_from([THINGS[0], *THINGS])
events = st.sampled_from([ThingHappened, ThingHappened, ThingState])


class Place(NamedTuple):
    """Of an event: its topic, its entity, and which of that entity's on that topic it is."""

    topic: str
    thing: str
    number: int


class Running(NamedTuple):
    """A process of the product: its task, and what tells it to stop."""

    task: asyncio.Task[None]
    stopping: asyncio.Event


class ChangedItsMind(Exception):
    """Ends a transaction that has said something already."""


class Simulation(RuleBasedStateMachine):
    """One run: a world with stand-ins at the edges of the product, and the model of what must be true in it."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.world = World()
        self.world.stand_in(self.patch)
        self.running: dict[str, Running] = {}
        self.says: dict[str, list[Outgoing]] = {}
        """By process, what its transaction says, if it commits."""
        self.expected: dict[str, tuple[Place, RecordToSend]] = {}
        """By event id, what became true."""
        self.amounts: dict[tuple[str, str], int] = defaultdict(int)
        """How much became true, by topic and entity."""
        self.firsts: dict[tuple[str, str], int] = defaultdict(int)
        """How much of that has been delivered, by topic and entity."""
        self.latest: dict[tuple[str, str], int] = defaultdict(int)
        """Which was delivered last, by topic and entity, what came late left aside."""
        self._numbers, self._sequences, self._looked_at = count(1), defaultdict[str, int](int), 0

    def teardown(self) -> None:
        """Called after the last step of every run, also after one that failed."""
        try:
            if sys.exc_info()[0] is None:
                self.in_the_end()
        finally:
            note("\n".join(self.world.history))
            self.world.close()
            self.patch.undo()

    def in_the_end(self) -> None:
        """Nothing fails any more: what must become true then?"""

    # Processes

    job: Callable[[str], Job]
    """What a process of this name runs; each machine says it."""

    def start(self, kind: str) -> None:
        """A process; `start_again` starts another when it has ended."""
        process, stopping = self.world.name(kind), asyncio.Event()
        self.running[process] = Running(self.world.start(process, self.job(process).run(stopping)), stopping)

    def start_again(self) -> None:
        for process, (task, _) in list(self.running.items()):
            if task.done() or not self.world.is_alive(process):
                if self.world.is_alive(process):
                    task.result()  # none ends by an error
                del self.running[process]
                self.start(process.split("-")[0])

    def running_process(self, which: int = 0) -> str:
        return list(self.running)[which]

    def tell_to_stop(self, process: str) -> None:
        self.running[process].stopping.set()
        self.world.loop.run_until_idle()

    def kill(self, process: str, fates: Sequence[Fate], choose: random.Random) -> None:
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

    def begin_to_say(self, *together: Sequence[Outgoing], then_fails: bool = False) -> tuple[str, asyncio.Task[None]]:
        """A process and its transaction, which says one lot after the other."""
        process = self.world.name("writer")
        self.says[process] = [event for lot in together for event in lot]

        async def write() -> None:
            async with self.world.database(process).transaction() as tx:
                for lot in together:
                    await outbox.add(tx, *lot)
                if then_fails:
                    raise ChangedItsMind

        return process, self.world.start(process, write())

    # The model

    def look(self) -> None:
        """At what happened since the last look."""
        for each in self.world.happened[self._looked_at :]:
            if isinstance(each, Committed):
                self.committed(each)
            else:
                self.written(each)
        self._looked_at = len(self.world.happened)

    def committed(self, commit: Committed) -> None:
        for outgoing in self.says.pop(commit.process, []):
            self.became_true(outgoing)

    def became_true(self, outgoing: Outgoing) -> RecordToSend:
        """The record that must come of it."""
        thing = outgoing.subject
        self._sequences[thing] += 1
        record = to_record(outgoing, self._sequences[thing])
        self.amounts[record.topic, thing] += 1
        place = Place(record.topic, thing, self.amounts[record.topic, thing])
        self.expected[str(outgoing.id)] = (place, record)
        return record

    def written(self, written: Written) -> None:
        record = written.record
        must("nothing is sent that was not committed", event_id(record) in self.expected)
        (topic, thing, number), whole = self.expected[event_id(record)]
        must("a record is what was said, with its entity's number", _same(record, whole))
        first = self.firsts[topic, thing]
        must("first deliveries are in order", number <= first + 1)
        self.firsts[topic, thing] = max(first, number)
        if not written.is_late:
            self.latest[topic, thing] = number

    def check_outbox(self) -> None:
        """Is the outbox what the commits and the deliveries so far make of it?"""
        waiting: dict[tuple[str, str], list[int]] = defaultdict(list)
        for _, row in sorted(self.world.postgres.outbox.items()):
            must("nothing is said without commit", str(row["event_id"]) in self.expected)
            (topic, thing, number), _ = self.expected[str(row["event_id"])]
            waiting[topic, thing].append(number)
        for place, amount in self.amounts.items():
            left = waiting[place]
            gone = amount - len(left)
            must("rows are in the order of the commits, and leave in it", left == list(range(gone + 1, amount + 1)))
            must("what left the outbox is in Kafka", self.firsts[place] >= gone)
            must("nothing older follows what left the outbox", self.latest[place] >= gone)


def _effect(asked: Asked | None, fates: Sequence[Fate]) -> Callable[[], Any] | None:
    if asked is None or asked.what != "sends":
        return asked and asked.effect
    return functools.partial(asked.effect, fates)


def event_id(record: ConsumerRecord | RecordToSend) -> str:
    return dict(record.headers)["ce_id"].decode()


def _same(record: ConsumerRecord, whole: RecordToSend) -> bool:
    return (record.topic, record.key, record.value, dict(record.headers)) == (*whole[:3], dict(whole.headers))


def run(machine: type[Simulation], *, runs: int) -> None:
    phases = [Phase.generate, Phase.shrink]
    run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=runs * TIMES, phases=phases))


def finds(machine: type[Simulation]) -> None:
    """Fails if it finds no promise broken. For each bug planted here, each of ten seeds was enough within 200 runs."""
    enough = settings(SETTINGS, max_examples=1000, phases=[Phase.generate], derandomize=True)
    with pytest.raises(Violation):
        run_state_machine_as_test(machine, settings=enough)
