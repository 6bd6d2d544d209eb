"""The relay: replicas side by side, each killed, cut off, stopped for a while or told nothing, at any point."""

import asyncio
import functools
from collections.abc import Sequence
from random import Random
from typing import Any, TypeAlias

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from simulated_kafka import Fate
from simulated_machine import Simulation, calls, choices, events, fates, finds, must, run, things
from simulated_things import ThingHappened, plant
from simulated_world import Asked

from chassis import outbox, relay
from chassis.outbox import shard_of
from chassis.relay import Relay
from relink_contracts.envelope import RecordToSend

RELAYS = 3
relays = st.integers(0, RELAYS - 1)
seconds = st.sampled_from([0, 0.3, 1, 6])
some_said = st.just([]) | st.lists(st.tuples(events, things), max_size=4)
Said: TypeAlias = list[tuple[type[ThingHappened], str]]


class Relaying(Simulation):
    """A relay that does not go on for a while is one that was stopped (SIGSTOP), or whose packets are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.relays: list[str] = []
        self.stopping: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        for _ in range(RELAYS):
            self._start()

    def _start(self) -> None:
        process, stopping = self.world.name("relay"), asyncio.Event()
        self.relays.append(process)
        self.stopping[process] = stopping
        self.tasks[process] = self.world.start(process, Relay(process, process).run(stopping))

    def _say(self, said: Said) -> None:
        if not said:
            return
        events = [self.next_event(event, thing) for event, thing in said]
        for event in events:
            self.became_true(event)
        process = self.world.name("writer")

        async def write() -> None:
            async with self.world.database(process).transaction() as tx:
                await outbox.add(tx, *events)

        task = self.world.start(process, write())
        self.world.settle(task.done, within=1, only=process)

    @rule(said=some_said, which=relays, calls=calls, choice=choices, after=seconds)
    def relay_goes_on(self, said: Said, which: int, calls: int, choice: Random, after: float) -> None:
        self._say(said)
        self.world.pass_time(after)
        self.world.go_on(self.relays[which], calls, choice)

    @rule(said=some_said, which=relays, choice=choices, fates=st.one_of(st.none(), fates, fates), after=seconds)
    def relay_goes_on_until_it_sends(
        self, said: Said, which: int, choice: Random, fates: list[Fate] | None, after: float
    ) -> None:
        """And then waits for Kafka, or is told what became of each record."""
        self._say(said)
        self.world.pass_time(after)
        while open_ := self.world.asked_by(self.relays[which]):
            asked = choice.choice(open_)
            if asked.what != "sends":
                self.world.answer(asked)
                continue
            if fates is not None:
                self.world.answer(asked, functools.partial(asked.effect, fates))
            return

    @rule(which=relays, calls=calls, choice=choices)
    def relay_goes_on_without_a_broker(self, which: int, calls: int, choice: Random) -> None:
        self.world.kafka.is_away = True
        self.world.go_on(self.relays[which], calls, choice)
        self.world.kafka.is_away = False

    @rule(which=relays, fate=st.sampled_from(["killed", "cut off", "told to stop"]), fates=fates, choice=choices)
    def relay_is(self, fate: str, which: int, fates: list[Fate], choice: Random) -> None:
        process = self.relays[which]
        if fate == "killed":
            self.killed(process, fates, choice)
        elif fate == "cut off":
            sending = [asked for asked in self.world.asked_by(process) if self._has_lock_for(asked)]
            self.cut_off(process, choice)
            for asked in sending:
                if not self._has_lock_for(asked):
                    asked.effect = functools.partial(self._take_late, *asked.effect.args)
        else:
            self.stopping[process].set()

    @invariant()
    def kept(self) -> None:
        for process in [each for each in self.relays if self.tasks[each].done() or not self.world.is_alive(each)]:
            if self.world.is_alive(process):
                self.tasks[process].result()  # none ends by an error
            self.relays.remove(process)
            self._start()
        self.check_deliveries()
        waiting = {str(row["event_id"]) for row in self.world.postgres.outbox.values()}
        for (topic, thing), amount in self.amounts.items():
            left = [
                place.number
                for id_, (place, _) in self.expected.items()
                if place[:2] == (topic, thing) and id_ in waiting
            ]
            gone = min(left, default=amount + 1) - 1
            must("an entity's events leave the outbox in order", left == list(range(gone + 1, amount + 1)))
            must("what left the outbox is in Kafka", self.firsts[topic, thing] >= gone)
            must("nothing older follows what left the outbox", self.latest[topic, thing] >= gone)

    def in_the_end(self) -> None:
        self._start()  # the others may have been told to stop
        while left := len(self.world.postgres.outbox):
            self.world.settle(lambda left=left: len(self.world.postgres.outbox) < left, within=30)
        self.kept()
        must("everything is sent", self.firsts == self.amounts)

    def _has_lock_for(self, asked: Asked) -> bool:
        """Whether the shard that it sends of is locked by its process."""
        return asked.what == "sends" and any(
            self.world.postgres.locks_shard(asked.process, shard_of(record.key)) for record in asked.effect.args[0]
        )

    def _take_late(self, records: list[RecordToSend], fates: Sequence[Fate] = (Fate.CONFIRMED,)) -> Any:
        """What Kafka does with what a relay sends that has lost its lock and does not know it."""
        before = len(self.world.kafka.written)
        told = self.world.kafka.take(records, fates)
        self.late |= set(range(before, len(self.world.kafka.written)))
        return told


def test_every_event_is_sent_in_order_whatever_becomes_of_the_relays() -> None:
    run(Relaying, runs=100)


def test_deleting_what_was_not_confirmed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, relay, "_relay_shards", "error is None and record[:2] not in blocked", "True")
    assert finds(Relaying, within=400) == "what left the outbox is in Kafka"


def test_deleting_a_later_event_of_an_entity_than_one_not_confirmed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, relay, "_relay_shards", "error is None and record[:2] not in blocked", "error is None")
    assert finds(Relaying, within=400) == "an entity's events leave the outbox in order"


def test_deleting_before_sending_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sending = "errors = await sender.send(records)"
    deleting = "await connection.fetch(_DELETE, [row['id'] for row in rows])"
    plant(monkeypatch, relay, "_relay_shards", sending, f"{deleting}; {sending}")
    finds(Relaying, within=400)


def test_sending_without_the_shards_lock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        monkeypatch,
        relay,
        "_relay_shards",
        '[row["s"] for row in await connection.fetch(_LOCK, _LOCK_CLASS, wanted)]',
        "wanted",
    )
    assert finds(Relaying, within=400) == "nothing older follows what left the outbox"
