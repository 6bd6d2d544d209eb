"""The outbox: transactions of several entities side by side, each ended, cut or killed at any point."""

import asyncio
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from simulated_machine import Simulation, calls, choices, events, finds, run, things
from simulated_things import THINGS, ThingHappened, plant
from simulated_world import must

from chassis import outbox, relay
from chassis.relay import Relay
from chassis.run import Job

MOST_WRITERS = 4
writers = st.integers(0, MOST_WRITERS - 1)


class Plan(NamedTuple):
    """Of a transaction: what it says, lot after lot, and whether it is then rolled back."""

    lots: list[list[tuple[type[ThingHappened], str]]]
    then_fails: bool


some_said = st.lists(st.tuples(events, things), min_size=1, max_size=3)
plans = st.builds(Plan, st.lists(some_said, min_size=1, max_size=2), st.sampled_from([False, False, False, True]))


class Saying(Simulation):
    """Writers say things, sometimes twice in a transaction; a relay sends whatever it sees whenever it looks."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: dict[str, asyncio.Task[None]] = {}
        self.start("relay")

    def job(self, process: str) -> Job:
        return Relay(process, process)

    def _begin(self, plan: Plan) -> str:
        lots = [[self.next_event(event, thing) for event, thing in lot] for lot in plan.lots]
        process, self.writers[process] = self.begin_to_say(*lots, then_fails=plan.then_fails)
        return process

    def _begin_if_few(self, plan: Plan) -> None:
        if len(self.writers) < MOST_WRITERS:
            self._begin(plan)

    @rule(plan=plans, which=writers, calls=calls, choice=choices)
    def transaction_begins_and_another_goes_on(self, plan: Plan, which: int, calls: int, choice: Random) -> None:
        self._begin_if_few(plan)
        self.world.go_on(self._writer(which), calls, choice)

    @rule(plan=plans, calls=calls, choice=choices, seconds=st.sampled_from([0, 0, 1]))
    def transaction_begins_and_everybody_goes_on(self, plan: Plan, calls: int, choice: Random, seconds: int) -> None:
        self._begin_if_few(plan)
        self.world.pass_time(seconds)
        for _ in range(calls):
            self.world.go_on(choice.choice([*self.writers, self.running_process()]), 1, choice)

    @rule(late=st.sampled_from(THINGS), choice=choices)
    def transaction_stays_open_while_others_begin_and_commit(self, late: str, choice: Random) -> None:
        """Its row appears below what the relay has sent by then."""
        first = self._begin(Plan([[(ThingHappened, late)]], then_fails=False))
        self.world.go_on(first, 9, choice, until="commits")
        for thing in THINGS:
            if thing != late:
                self.world.go_on(self._begin(Plan([[(ThingHappened, thing)]], then_fails=False)), 9, choice)
                self.world.live(2, choice, only=self.running_process())

    @rule(calls=calls, choice=choices)
    def relay_goes_on(self, calls: int, choice: Random) -> None:
        self.world.pass_time(1)
        self.world.go_on(self.running_process(), calls, choice)

    @precondition(lambda self: self.writers)
    @rule(which=writers, fate=st.sampled_from(["killed", "cut off"]), choice=choices)
    def writer_is(self, fate: str, which: int, choice: Random) -> None:
        if fate == "killed":
            self.kill(self._writer(which), (), choice)
        else:
            self.cut_off(self._writer(which), choice)

    @invariant()
    def kept(self) -> None:
        self.writers = {process: task for process, task in self.writers.items() if not task.done()}
        self.look()
        self.check_outbox()

    def in_the_end(self) -> None:
        self.world.settle(lambda: all(task.done() for task in self.writers.values()), within=60, only="writer")
        self.world.settle(lambda: not self.world.postgres.outbox, within=20)
        self.kept()
        must("everything committed is sent", self.firsts == self.amounts)

    def _writer(self, which: int) -> str:
        return list(self.writers)[which % len(self.writers)]


def test_what_is_committed_leaves_in_the_order_of_the_commits_and_nothing_else_leaves() -> None:
    run(Saying, runs=100)


def test_numbers_taken_in_a_transaction_of_their_own_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, outbox, "_next_sequences", "tx.fetch(_NUMBER", "tx.beside().fetch(_NUMBER")
    finds(Saying)


def test_events_added_outside_the_callers_transaction_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, outbox, "add", "tx.execute(_INSERT", "tx.beside().execute(_INSERT")
    finds(Saying)


def test_a_floor_that_does_not_wait_for_open_transactions_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, relay._Floor, "rise", 'elif found[0]["oldest_running"] > self._later:', "else:")
    finds(Saying)
