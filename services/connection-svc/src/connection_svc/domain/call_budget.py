"""How many calls one organisation's provider lets us make, and when: one budget for all services and replicas.

A generic cell rate algorithm with bookings: each call takes the next free moment, now or a little ahead, and whoever
got it waits for that moment. So nobody races for a place that comes free, and none is lost. Who may book further ahead
goes first when the budget is short.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

VALID_FOR = timedelta(seconds=1)
"""A permit ends so long after its moment: within it the call is sent, or never under this permit."""

SHORT = timedelta(minutes=1)


class CallClass(StrEnum):
    """What a call is for: a person waits, items wait, lists are read."""

    CLICK = "click"
    PUBLISH = "publish"
    SYNC = "sync"

    @property
    def ahead(self) -> timedelta:
        """How far ahead it may book."""
        return {
            CallClass.CLICK: timedelta(seconds=5),
            CallClass.PUBLISH: timedelta(seconds=2),
            CallClass.SYNC: timedelta(seconds=1),
        }[self]


@dataclass(frozen=True)
class Pace:
    """A call every so often, or up to `burst` at once after a pause. In no window are there more than it allows."""

    every: timedelta
    burst: int

    @property
    def slack(self) -> timedelta:
        """How far bookings may be ahead of the pace while the next call still starts at once."""
        return self.every * (self.burst - 1)


def pace_of(calls: int, window: timedelta) -> Pace:
    """The fastest pace that never exceeds `calls` in any `window`, however late within VALID_FOR each is sent.

    What is allowed at once is missing from what is allowed steadily. A short window keeps its steady rate, a long one
    lends half of its calls to whoever comes first.
    """
    burst = max(calls // 50 if window <= SHORT else calls // 2, 1)
    return Pace((window + VALID_FOR) / (calls - burst), burst)


@dataclass(frozen=True)
class Budget:
    """Where the bookings of an organisation end, by each pace; the provider wants no call before `paused_until`."""

    booked_until: tuple[datetime, ...]
    paused_until: datetime


@dataclass(frozen=True)
class Permits:
    """`calls` may be sent from `starts_in` on until `valid_for` later; none when `calls` is 0, ask again then."""

    calls: int
    starts_in: timedelta
    valid_for: timedelta = VALID_FOR


def book(
    budget: Budget, paces: Sequence[Pace], *, calls: int, ahead: timedelta, now: datetime
) -> tuple[Budget, Permits]:
    """Book up to `calls` that may start together, if the first may within `ahead`; and the budget after it."""
    booked = [max(until, now) for until in budget.booked_until]
    earliest = [until - pace.slack for until, pace in zip(booked, paces, strict=True)]
    start = max(now, budget.paused_until, *earliest)
    if start - now > ahead:
        return budget, Permits(0, start - now - ahead)
    booked = [max(until, start) for until in booked]
    granted = min(
        calls, *((start + pace.slack - until) // pace.every + 1 for until, pace in zip(booked, paces, strict=True))
    )
    after = tuple(until + pace.every * granted for until, pace in zip(booked, paces, strict=True))
    return Budget(after, budget.paused_until), Permits(granted, start - now)
