"""The relay: replicas side by side, each killed, cut off, stopped for a while or told nothing, at any point."""

import functools
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from simulated_kafka import Fate
from simulated_machine import Simulation, calls, choices, events, fates, finds, run, things
from simulated_things import ThingHappened, plant
from simulated_world import Asked, must

from chassis import relay
from chassis.outbox import shard_of
from chassis.relay import Relay
from chassis.run import Job

RELAYS = 3
relays = st.integers(0, RELAYS - 1)
seconds = st.sampled_from([0, 0.3, 1, 6])
some_said = st.just([]) | st.lists(st.tuples(events, things), max_size=4)
Said: TypeAlias = list[tuple[type[ThingHappened], str]]


class Relaying(Simulation):
    """A relay that does not go on for a while is one that was stopped (SIGSTOP), or whose packets are under way."""

    def __init__(self) -> None:
        super().__init__()
        for _ in range(RELAYS):
            self.start("relay")

    def job(self, process: str) -> Job:
        return Relay(process, process)

    def _say(self, said: Said) -> None:
        process, task = self.begin_to_say([self.next_event(event, thing) for event, thing in said])
        self.world.settle(task.done, within=1, only=process)

    @rule(said=some_said, which=relays, calls=calls, choice=choices, after=seconds)
    def relay_goes_on(self, said: Said, which: int, calls: int, choice: Random, after: float) -> None:
        self._say(said)
        self.world.pass_time(after)
        self.world.go_on(self.running_process(which), calls, choice)

    @rule(said=some_said, which=relays, choice=choices, fates=st.none() | fates, after=seconds)
    def relay_goes_on_until_it_sends(
        self, said: Said, which: int, choice: Random, fates: list[Fate] | None, after: float
    ) -> None:
        """And then waits for Kafka, or is told what became of each record."""
        self._say(said)
        self.world.pass_time(after)
        sending = self.world.go_on(self.running_process(which), 40, choice, until="sends")
        if sending is not None and fates is not None:
            self.world.answer(sending, functools.partial(sending.effect, fates))

    @rule(which=relays, calls=calls, choice=choices)
    def relay_goes_on_without_a_broker(self, which: int, calls: int, choice: Random) -> None:
        self.world.kafka.is_away = True
        self.world.go_on(self.running_process(which), calls, choice)
        self.world.kafka.is_away = False

    @rule(which=relays, fate=st.sampled_from(["killed", "cut off", "told to stop"]), fates=fates, choice=choices)
    def relay_is(self, fate: str, which: int, fates: list[Fate], choice: Random) -> None:
        process = self.running_process(which)
        if fate == "killed":
            self.kill(process, fates, choice)
        elif fate == "cut off":
            sending = [asked for asked in self.world.asked_by(process) if self._has_lock_for(asked)]
            self.cut_off(process, choice)
            for asked in sending:
                if not self._has_lock_for(asked):
                    asked.effect = functools.partial(asked.effect, is_late=True)
        else:
            self.tell_to_stop(process)

    @invariant()
    def kept(self) -> None:
        self.start_again()
        self.look()
        self.check_outbox()

    def in_the_end(self) -> None:
        self.start("relay")  # the others may have been told to stop
        while left := len(self.world.postgres.outbox):
            self.world.settle(lambda left=left: len(self.world.postgres.outbox) < left, within=30)
            self.kept()
        must("everything is sent", self.firsts == self.amounts)

    def _has_lock_for(self, asked: Asked) -> bool:
        """Whether the shard that it sends of is locked by its process."""
        return asked.what == "sends" and any(
            self.world.postgres.locks_shard(asked.process, shard_of(record.key)) for record in asked.effect.args[0]
        )


def test_every_event_is_sent_in_order_whatever_becomes_of_the_relays() -> None:
    run(Relaying, runs=100)


def test_deleting_what_was_not_confirmed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, relay, "_relay_shards", "error is None and record[:2] not in blocked", "True")
    finds(Relaying)


def test_deleting_a_later_event_of_an_entity_than_one_not_confirmed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, relay, "_relay_shards", "error is None and record[:2] not in blocked", "error is None")
    finds(Relaying)


def test_deleting_before_sending_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sending = "errors = await sender.send(records)"
    deleting = "await connection.fetch(_DELETE, [row['id'] for row in rows])"
    plant(monkeypatch, relay, "_relay_shards", sending, f"{deleting}; {sending}")
    finds(Relaying)


def test_sending_without_the_shards_lock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    locking = '[row["s"] for row in await connection.fetch(_LOCK, _LOCK_CLASS, wanted)]'
    plant(monkeypatch, relay, "_relay_shards", locking, "wanted")
    finds(Relaying)
