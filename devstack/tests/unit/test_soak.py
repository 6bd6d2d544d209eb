"""What the soak calls flat memory."""

from devstack.soak.memory import LEVEL_SECONDS, WARM_UP_SECONDS, Growth, Sample, growth
from devstack.stack import EVERY_PROCESS

MEGABYTE = 1_000_000


def life(*levels: int, pid: int = 1, began: float = 0.0, every: float = 2.0) -> list[Sample]:
    return [Sample(began + place * every, pid, level * MEGABYTE) for place, level in enumerate(levels)]


def long_life(level: int = 50, *, last: int | None = None, pid: int = 1) -> list[Sample]:
    """Twice as long as what is needed to judge."""
    count = int(WARM_UP_SECONDS + 4 * LEVEL_SECONDS) // 2
    return life(*[level] * (count // 2), *[last or level] * (count // 2), pid=pid)


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
