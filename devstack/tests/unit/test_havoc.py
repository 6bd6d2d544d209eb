"""Whom havoc kills."""

import random

from devstack.havoc import PARTS, Victims
from devstack.stack import EVERY_PROCESS


def test_nobody_is_killed_twice_before_everybody_who_may_be_was_killed_once() -> None:
    victims = Victims(random.Random(7))

    first = [victims.next(share=0.1, away=()) for _ in range(10)]

    assert len(set(first)) == len(first) == len(EVERY_PROCESS) * (PARTS - 1) // PARTS


def test_each_process_is_left_alone_for_a_part_of_the_run() -> None:
    victims = Victims(random.Random(7))

    killed = [{victims.next(share=(part + 0.5) / PARTS, away=()) for _ in range(40)} for part in range(PARTS)]

    spared = [set(EVERY_PROCESS) - each for each in killed]
    assert set.union(*spared) == set(EVERY_PROCESS)
    assert sum(map(len, spared)) == len(EVERY_PROCESS)


def test_who_is_away_already_is_not_killed() -> None:
    victims = Victims(random.Random(7))

    assert "kafka" not in {victims.next(share=part / PARTS, away={"kafka"}) for part in range(PARTS) for _ in range(30)}


def test_a_seed_kills_in_one_order() -> None:
    one, other = (Victims(random.Random(7)) for _ in range(2))

    assert [one.next(share=0.5, away=()) for _ in range(20)] == [other.next(share=0.5, away=()) for _ in range(20)]
