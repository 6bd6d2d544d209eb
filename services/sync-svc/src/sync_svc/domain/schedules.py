"""When a connection's lists are asked for."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sync_svc.domain.errors import CoolingDown

ABANDONED_AFTER = timedelta(hours=1)
"""A run that nobody has ended for so long no longer keeps the next one away."""

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pace:
    """How often lists are read: by themselves every `interval`, by hand not within `cool_down` of the last time."""

    interval: timedelta
    cool_down: timedelta


@dataclass(frozen=True)
class Schedule:
    """When a connection is next due, and the run that is open.

    Whether the connection can be used is not kept here: a schedule whose connection is not usable is not claimed,
    and goes on by itself when it is again.
    """

    connection_id: str
    business_id: str
    due_at: datetime
    asked_generation: int = 0
    open_sync_id: str | None = None
    asked_at: datetime | None = None
    completed_at: datetime | None = None
    revision: int = 0

    def has_open_run(self, *, now: datetime) -> bool:
        return self.open_sync_id is not None and self.asked_at is not None and now - self.asked_at < ABANDONED_AFTER

    def ask(self, sync_id: str, *, generation: int, now: datetime, interval: timedelta) -> "Schedule":
        """A run begins: it is open until it ends, and the next one is due at the next slot."""
        return replace(
            self,
            due_at=next_slot(self.connection_id, after=now, interval=interval),
            asked_generation=max(self.asked_generation, generation),
            open_sync_id=sync_id,
            asked_at=now,
        )

    def ask_by_hand(self, sync_id: str, *, generation: int, now: datetime, pace: Pace) -> "Schedule":
        """Like `ask`. Raises CoolingDown while the last reading is too fresh."""
        until = self.completed_at + pace.cool_down if self.completed_at else now
        if now < until:
            raise CoolingDown(self.connection_id, until)
        return self.ask(sync_id, generation=generation, now=now, interval=pace.interval)

    def end(self, sync_id: str, *, completed_at: datetime | None) -> "Schedule":
        """The run has ended; `completed_at` is None when it failed. A later run that is open stays open."""
        still_open = None if self.open_sync_id == sync_id else self.open_sync_id
        return replace(self, open_sync_id=still_open, completed_at=completed_at or self.completed_at)


def next_slot(connection_id: str, *, after: datetime, interval: timedelta) -> datetime:
    """The connection's next turn, later than `after`.

    Each connection has its own place within the interval, by a hash of its id, so that turns are spread evenly
    and one that was delayed, or a service that was away for a year, falls back into step at once.
    """
    digest = hashlib.sha256(connection_id.encode()).digest()
    place = interval * (int.from_bytes(digest[:4]) / 2**32)
    turns = (after - _EPOCH - place) // interval
    return _EPOCH + place + (turns + 1) * interval
