"""What the soak calls flat memory, lost, out of order and as told; and whom it kills."""

import random
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from devstack.soak.evidence import Finding, Wanted, overtaken
from devstack.soak.havoc import PARTS, Victims
from devstack.soak.memory import LEVEL_SECONDS, WARM_UP_SECONDS, Growth, Sample, growth
from devstack.stack import EVERY_PROCESS
from relink_contracts.envelope import EventData, Received

MEGABYTE = 1_000_000


def life(*levels: int, pid: int = 1, began: float = 0.0, every: float = 2.0) -> list[Sample]:
    return [Sample(began + place * every, pid, level * MEGABYTE) for place, level in enumerate(levels)]


def long_life(level: int = 50, *, last: int | None = None, pid: int = 1) -> list[Sample]:
    """Twice as long as what is needed to judge."""
    count = int(WARM_UP_SECONDS + 4 * LEVEL_SECONDS) // 2
    return life(*[level] * (count // 2), *[last or level] * (count // 2), pid=pid)


def told(sequence: int, subject: str = "itm_1") -> Received[EventData]:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return Received(
        uuid4(), "/x", "relink.item.held.v1", subject, subject, now, sequence, "biz_1", "", None, None, now, "t", 0, 0
    )


def test_a_process_that_keeps_its_memory_is_flat() -> None:
    assert growth("list-svc.api", long_life()).is_flat


def test_a_process_that_keeps_growing_is_not_flat() -> None:
    found = growth("list-svc.api", long_life(50, last=62))

    assert not found.is_flat
    assert found.per_minute > 0


def test_what_a_process_takes_while_it_warms_up_is_no_growth() -> None:
    warming = life(*range(10, 10 + int(WARM_UP_SECONDS / 2)))
    warm = long_life(40)

    found = growth("list-svc.api", [*warming, *(Sample(s.at + WARM_UP_SECONDS, 1, s.resident) for s in warm)])

    assert found.ratio == 1


def test_a_life_too_short_to_have_two_levels_is_not_judged() -> None:
    assert growth("list-svc.api", life(*[50] * int(WARM_UP_SECONDS / 2))) is None


def test_lives_of_one_role_are_not_mixed() -> None:
    grown, fresh = long_life(90, pid=1), life(30, 31, 32, pid=2)

    assert growth("list-svc.api", [*grown, *fresh]) == growth("list-svc.api", grown)


def test_only_our_own_processes_are_judged() -> None:
    judged = {name for name in EVERY_PROCESS if Growth(name, 60, 1, 1, 0).is_judged}

    assert judged == set(EVERY_PROCESS) - {"postgres", "kafka", "mail", "simulator"}


def test_a_number_that_comes_after_a_later_one_of_its_entity_is_overtaken() -> None:
    assert overtaken([told(1), told(3), told(2)]) == 1


def test_a_number_that_comes_again_is_not_overtaken() -> None:
    assert overtaken([told(1), told(2), told(1), told(2), told(3)]) == 0


def test_entities_do_not_overtake_each_other() -> None:
    assert overtaken([told(5, "itm_1"), told(1, "itm_2")]) == 0


@pytest.mark.parametrize(
    ("wanted", "count", "holds"),
    [
        (Wanted.NONE, 0, True),
        (Wanted.NONE, 1, False),
        (Wanted.SOME, 0, False),
        (Wanted.SOME, 7, True),
        (Wanted.ANY, 0, True),
        (Wanted.ANY, 7, True),
    ],
)
def test_a_finding_holds_when_there_are_as_many_as_there_are_to_be(wanted: Wanted, count: int, holds: bool) -> None:
    assert Finding("things", count, wanted).holds is holds


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
