"""A call is sent at the moment it was given, or not under that permit."""

import asyncio
from datetime import timedelta

import pytest

from providers.errors import BudgetSpent
from providers.permits import Leased, Permits

SECOND = timedelta(seconds=1)


class World:
    """A clock that sleeping moves, and a budget that answers as written down; each answer takes `answering` seconds."""

    def __init__(self, *answers: Leased, answering: float = 0) -> None:
        self.answers, self.answering, self.time, self.asked = list(answers), answering, 100.0, 0
        self.permits = Permits(self.lease, monotonic=lambda: self.time, sleep=self.sleep)

    async def lease(self) -> Leased:
        self.asked += 1
        self.time += self.answering
        return self.answers.pop(0)

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


async def test_a_call_waits_for_its_moment() -> None:
    world = World(Leased(1, 2 * SECOND, SECOND))

    await world.permits.take()

    assert world.time == 102


async def test_calls_leased_together_are_used_one_by_one() -> None:
    world = World(Leased(2, 0 * SECOND, SECOND), Leased(1, SECOND, SECOND))

    for _ in range(3):
        await world.permits.take()

    assert (world.asked, world.time) == (2, 101)


async def test_a_permit_that_has_ended_is_not_used() -> None:
    world = World(Leased(2, 0 * SECOND, SECOND), Leased(1, 0 * SECOND, SECOND))
    await world.permits.take()
    world.time += 1

    await world.permits.take()

    assert world.asked == 2


async def test_a_permit_that_took_too_long_to_come_is_asked_for_again() -> None:
    world = World(Leased(1, 0 * SECOND, SECOND), Leased(1, 0 * SECOND, SECOND), answering=1)
    world.answers.append(Leased(0, 3 * SECOND, SECOND))

    with pytest.raises(BudgetSpent):
        await world.permits.take()


async def test_callers_of_one_process_take_turns() -> None:
    world = World(*[Leased(1, SECOND, SECOND)] * 3)

    await asyncio.gather(*(world.permits.take() for _ in range(3)))

    assert (world.asked, world.time) == (3, 103)


async def test_a_spent_budget_says_when_to_ask_again() -> None:
    with pytest.raises(BudgetSpent, match="booked out for 40 s") as spent:
        await World(Leased(0, 40 * SECOND, SECOND)).permits.take()

    assert spent.value.retry_after == 40 * SECOND
