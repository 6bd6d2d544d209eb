"""Giving our access back to the provider, once a connection has ended."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

GIVE_UP_AFTER = timedelta(days=30)
LONGEST_PAUSE = timedelta(hours=6)


class Outcome(StrEnum):
    """What became of the attempt to give our access back."""

    GIVEN_BACK = "given_back"  # or it was dead already
    NOT_YET = "not_yet"  # no answer: to be tried again
    NOT_POSSIBLE = "not_possible"  # only the customer can end it, in the provider's own pages


@dataclass(frozen=True)
class AccessReturn:
    """Access that is to be given back, because its connection ended at `since`."""

    connection_id: str
    business_id: str
    since: datetime
    due_at: datetime
    failures: int = 0

    def put_off(self, *, now: datetime) -> "AccessReturn | None":
        """Another try after 1, 2, 4 … minutes, at most six hours; None after 30 days: then the customer has to."""
        if now - self.since >= GIVE_UP_AFTER:
            return None
        pause = min(timedelta(minutes=2 ** min(self.failures, 10)), LONGEST_PAUSE)
        return replace(self, due_at=now + pause, failures=self.failures + 1)
