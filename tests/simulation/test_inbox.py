"""The inbox and the consumer: replicas that are killed, cut off, stopped for a while, and that come and go."""

from random import Random
from typing import Any, TypeAlias

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from simulated_machine import Simulation, calls, choices, event_id, finds, run, things
from simulated_postgres import EFFECT, Committed
from simulated_things import NOON, THINGS, ThingHappened, plant
from simulated_world import must

from chassis import inbox
from chassis.consume import Consumer, Handler, reacts
from chassis.database import Tx
from chassis.failures import Batch
from chassis.run import Job
from chassis.testing import FrozenClock
from relink_contracts.envelope import Received

SERVICE, REPLICAS, PARTITIONS = "stub-svc", 2, 2
replicas = st.integers(0, REPLICAS - 1)
FATES = ("killed", "cut off", "told to stop", "out of its group")
some_said = st.lists(things, max_size=4)
Said: TypeAlias = list[str]
repeats = st.sampled_from([0, 0, 0, 1, 3])
seconds = st.sampled_from([0, 0.1, 1, 6, 20])


async def write_effect(event: Received[Any], tx: Tx) -> None:
    await tx.execute(EFFECT, event.subject, event.sequence, event.id)


class Consuming(Simulation):
    """Events come by Kafka, some again; each has its effect in the database once, in its entity's order."""

    def __init__(self) -> None:
        super().__init__()
        self.world.kafka.partitions = PARTITIONS
        self.effects: dict[str, int] = dict.fromkeys(THINGS, 0)
        """How many of its events had their effect, by entity."""
        for _ in range(REPLICAS):
            self.start("consumer")

    def job(self, process: str) -> Job:
        handlers = [reacts(ThingHappened, write_effect)]
        return Consumer(SERVICE, self.world.database(process), process, handlers, FrozenClock(NOON), version="1")

    def _come(self, said: Said, again: int) -> None:
        """The relay sends, and may send again what it sent."""
        for thing in said:
            self.world.kafka.append(self.became_true(self.next_event(ThingHappened, thing)))
        sent = [record for _, record in self.expected.values()]
        for record in sent[-again:] if again else []:
            self.world.kafka.append(record)
        self.world.loop.run_until_idle()

    @rule(said=some_said, again=repeats, which=replicas, calls=calls, choice=choices, after=seconds)
    def replica_goes_on(  # noqa: PLR0917 - by name, by Hypothesis
        self, said: Said, again: int, which: int, calls: int, choice: Random, after: float
    ) -> None:
        self._come(said, again)
        self.world.pass_time(after)
        self.world.go_on(self.running_process(which), calls, choice)

    @rule(said=some_said, again=repeats, calls=calls, choice=choices, after=seconds)
    def all_replicas_go_on(self, said: Said, again: int, calls: int, choice: Random, after: float) -> None:
        self._come(said, again)
        self.world.pass_time(after)
        for _ in range(2 * calls):
            self.world.go_on(choice.choice([*self.running]), 1, choice)

    @rule(which=replicas, fate=st.sampled_from(FATES), choice=choices)
    def replica_is(self, fate: str, which: int, choice: Random) -> None:
        process = self.running_process(which)
        if fate == "killed":
            self.kill(process, (), choice)
        elif fate == "cut off":
            self.cut_off(process, choice)
        elif fate == "told to stop":
            self.tell_to_stop(process)
        else:
            self.world.kafka.expel(process)

    @invariant()
    def kept(self) -> None:
        self.start_again()
        self.look()
        for (_, partition), offset in self.world.kafka.committed.items():
            for record in self.world.kafka.topic(partition.topic)[partition.partition][:offset]:
                place, _ = self.expected[event_id(record)]
                must("nothing is committed before it had its effect", place.number <= self.effects[place.thing])

    def committed(self, commit: Committed) -> None:
        for thing, number, _ in commit.effects:
            must("an event has its effect once", number > self.effects[thing])
            must("effects are in their entity's order, none left out", number == self.effects[thing] + 1)
            self.effects[thing] = number

    def in_the_end(self) -> None:
        self.start("consumer")  # the others may have been told to stop
        self.world.settle(lambda: self.world.kafka.lag(SERVICE, ThingHappened.TOPIC) == 0, within=200)
        self.kept()
        amounts = {thing: self.amounts[ThingHappened.TOPIC, thing] for thing in THINGS}
        must("every event has its effect", self.effects == amounts)


def test_every_event_has_its_effect_once_and_in_order_whatever_becomes_of_the_consumers() -> None:
    run(Consuming, runs=60)


def test_an_inbox_row_written_in_a_transaction_of_its_own_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, inbox, "first_time", "tx.execute(_FIRST", "tx.beside().execute(_FIRST")
    finds(Consuming)


def test_a_reaction_that_does_not_ask_the_inbox_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Handler, "deliver", "self.once and", "False and")
    finds(Consuming)


def test_records_of_a_key_handled_side_by_side_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Batch, "work", "record.partition, record.key", "record.partition, record.offset")
    finds(Consuming)
