"""In no window are there more calls than its provider allows, and hardly fewer."""

from datetime import timedelta

import pytest
from build_connection_svc import NOON

from connection_svc.domain.call_budget import VALID_FOR, Budget, CallClass, Pace, Permits, book, pace_of

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
XERO = (pace_of(60, MINUTE), pace_of(5_000, DAY))
NOW_AND_THEN = Pace(every=SECOND, burst=3)


def free(windows: int = 1) -> Budget:
    return Budget((NOON,) * windows, NOON - DAY)


def moments(limit: int, window: timedelta, lasting: timedelta, *, calls: int = 1) -> list[timedelta]:
    """When calls start if somebody always wants one."""
    paces, budget, now, found = (pace_of(limit, window),), free(), NOON, []
    while now - NOON < lasting:
        budget, permits = book(budget, paces, calls=calls, ahead=DAY, now=now)
        now += permits.starts_in
        found += [now - NOON] * permits.calls
    return found


@pytest.mark.parametrize(("limit", "window"), [(60, MINUTE), (500, MINUTE), (10, SECOND), (120, MINUTE), (400, DAY)])
def test_no_window_sees_more_than_its_limit_however_late_each_permit_is_used(limit: int, window: timedelta) -> None:
    starts = moments(limit, window, 4 * window, calls=5)

    for first in starts:  # the first is sent at the last moment, all others at once
        seen = sum(first <= start < first + VALID_FOR + window for start in starts)
        assert seen <= limit


def test_a_minute_of_sixty_is_used_to_ninety_five_per_cent() -> None:
    assert len(moments(60, MINUTE, 10 * MINUTE)) >= 0.95 * 600


def test_after_a_pause_a_burst_starts_together_and_the_rest_one_by_one() -> None:
    budget, first = book(free(), (NOW_AND_THEN,), calls=5, ahead=DAY, now=NOON)
    _, second = book(budget, (NOW_AND_THEN,), calls=5, ahead=DAY, now=NOON)

    assert first == Permits(3, timedelta(0))
    assert second == Permits(1, SECOND)


def test_a_pause_is_not_saved_up_beyond_the_burst() -> None:
    budget, _ = book(free(), (NOW_AND_THEN,), calls=3, ahead=DAY, now=NOON)
    _, permits = book(budget, (NOW_AND_THEN,), calls=9, ahead=DAY, now=NOON + DAY)

    assert permits.calls == 3


def test_the_slowest_window_decides() -> None:
    spent = Budget((NOON, NOON + DAY), NOON)

    _, permits = book(spent, XERO, calls=1, ahead=2 * DAY, now=NOON)

    assert permits.starts_in == DAY - XERO[1].slack


def test_a_class_that_may_not_book_so_far_ahead_gives_way_and_hears_when_to_ask_again() -> None:
    paces = (Pace(every=SECOND, burst=1),)
    booked = Budget((NOON + 1.5 * SECOND,), NOON)

    after, sync = book(booked, paces, calls=1, ahead=CallClass.SYNC.ahead, now=NOON)
    _, publish = book(booked, paces, calls=1, ahead=CallClass.PUBLISH.ahead, now=NOON)

    assert (sync, after) == (Permits(0, 0.5 * SECOND), booked)
    assert publish == Permits(1, 1.5 * SECOND)


def test_nothing_starts_before_the_pause_that_the_provider_asked_for_is_over() -> None:
    _, permits = book(Budget((NOON,), NOON + 3 * SECOND), XERO[:1], calls=1, ahead=5 * SECOND, now=NOON)

    assert permits.starts_in == 3 * SECOND
