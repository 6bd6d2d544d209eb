"""The outbox: transactions of several entities side by side, each ended, cut or killed at any point."""

import asyncio
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from simulated_machine import Simulation, calls, choices, events, finds, must, run, things
from simulated_things import ThingHappened, plant

from chassis import outbox
from chassis.relay import Relay
from relink_contracts.envelope import Outgoing

MOST_WRITERS = 4
writers = st.integers(0, MOST_WRITERS - 1)


class Plan(NamedTuple):
    """Of a transaction: what it says, together and one after the other, and whether it is then rolled back."""

    said: list[list[tuple[type[ThingHappened], str]]]
    then_fails: bool


some_said = st.lists(st.tuples(events, things), min_size=1, max_size=3)
plans = st.builds(Plan, st.lists(some_said, min_size=1, max_size=2), st.sampled_from([False, False, False, True]))


class ChangedItsMind(Exception):
    """Ends a transaction that has said something already."""


class Outbox(Simulation):
    """Writers say things, sometimes twice in a transaction; a relay sends whatever it sees whenever it looks."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: dict[str, tuple[asyncio.Task[None], list[Outgoing]]] = {}
        self.world.postgres.when_committed = self._committed
        self.relay = self.world.name("relay")
        self.world.start(self.relay, Relay(self.relay, self.relay).run(asyncio.Event()))

    def _committed(self, process: str) -> None:
        for outgoing in self.writers[process][1] if process in self.writers else []:
            self.became_true(outgoing)

    def _begin(self, plan: Plan) -> None:
        process = self.world.name("writer")
        said = [[self.next_event(event, thing) for event, thing in together] for together in plan.said]
        everything = [event for together in said for event in together]
        self.writers[process] = (self.world.start(process, self._write(process, said, plan)), everything)

    async def _write(self, process: str, said: list[list[Outgoing]], plan: Plan) -> None:
        async with self.world.database(process).transaction() as tx:
            for together in said:
                await outbox.add(tx, *together)
            if plan.then_fails:
                raise ChangedItsMind

    @rule(plan=plans, which=writers, calls=calls, choice=choices)
    def transaction_begins_and_another_goes_on(self, plan: Plan, which: int, calls: int, choice: Random) -> None:
        if len(self.writers) < MOST_WRITERS:
            self._begin(plan)
        self.world.go_on(self._writer(which), calls, choice)

    @rule(plan=plans, calls=calls, choice=choices, seconds=st.sampled_from([0, 0, 1]))
    def transaction_begins_and_everybody_goes_on(self, plan: Plan, calls: int, choice: Random, seconds: int) -> None:
        if len(self.writers) < MOST_WRITERS:
            self._begin(plan)
        self.world.pass_time(seconds)
        for _ in range(calls):
            self.world.go_on(choice.choice([*self.writers, self.relay]), 1, choice)

    @rule(calls=calls, choice=choices)
    def relay_goes_on(self, calls: int, choice: Random) -> None:
        self.world.pass_time(1)
        self.world.go_on(self.relay, calls, choice)

    @precondition(lambda self: self.writers)
    @rule(which=writers, fate=st.sampled_from(["killed", "cut off"]), choice=choices)
    def writer_is(self, fate: str, which: int, choice: Random) -> None:
        if fate == "killed":
            self.killed(self._writer(which), (), choice)
        else:
            self.cut_off(self._writer(which), choice)

    @invariant()
    def kept(self) -> None:
        self.writers = {process: writer for process, writer in self.writers.items() if not writer[0].done()}
        waiting: dict[tuple[str, str], list[str]] = {}
        for _, row in sorted(self.world.postgres.outbox.items()):
            waiting.setdefault((row["topic"], row["aggregateid"]), []).append(str(row["event_id"]))
        for (topic, thing), ids in waiting.items():
            must("nothing is said without commit", all(each in self.expected for each in ids))
            numbers = [self.expected[each][0].number for each in ids]
            last = self.amounts[topic, thing]
            must("row ids, numbers and commits agree in order", numbers == list(range(last - len(ids) + 1, last + 1)))
        self.check_deliveries()

    def in_the_end(self) -> None:
        self.world.settle(lambda: all(task.done() for task, _ in self.writers.values()), within=60, only="writer")
        self.kept()
        self.world.settle(lambda: not self.world.postgres.outbox, within=20)
        self.kept()
        must("everything committed is sent", self.firsts == self.amounts)

    def _writer(self, which: int) -> str:
        return list(self.writers)[which % len(self.writers)]


def test_what_is_committed_leaves_in_the_order_of_the_commits_and_nothing_else_leaves() -> None:
    run(Outbox, runs=100)


def test_numbers_taken_in_a_transaction_of_their_own_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, outbox, "_next_sequences", "tx.fetch(_NUMBER", "tx.beside().fetch(_NUMBER")
    assert finds(Outbox, within=50) in (
        "row ids, numbers and commits agree in order",
        "a record is what was said, with its entity's number",
    )


def test_events_added_outside_the_callers_transaction_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, outbox, "add", "tx.execute(_INSERT", "tx.beside().execute(_INSERT")
    assert finds(Outbox, within=50) == "nothing is said without commit"
