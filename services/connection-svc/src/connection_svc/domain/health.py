"""How a provider does, judged by the failures of all its connections. No connection ever expires by it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WINDOW = timedelta(minutes=5)
"""What failed longer ago says nothing about now."""

QUIET = timedelta(seconds=90)
"""Longer than publish-svc waits between two tries: without a failure for so long the provider may be well again."""

LEAST_FAILURES = 3
LEAST_CONNECTIONS = 3
ONE_IN = 1_000
"""Of the working connections one in so many has to fail: among a million some always do."""


class Health(StrEnum):
    """A provider answers, or struggles."""

    OK = "ok"
    DEGRADED = "degraded"


@dataclass(frozen=True)
class ProviderHealth:
    """A provider as it does since then. `symptom` is what was seen most; None while it is well."""

    provider: str
    health: Health
    since: datetime
    symptom: str | None = None

    @property
    def is_degraded(self) -> bool:
        return self.health is Health.DEGRADED

    def judged_from(self, *, now: datetime) -> datetime:
        """Failures after this count. Once it is well again, those of the trouble that is over count no more."""
        return now - WINDOW if self.is_degraded else max(now - WINDOW, self.since)


@dataclass(frozen=True)
class Evidence:
    """What failed at a provider within WINDOW."""

    failures: int
    connections: int
    first_at: datetime
    latest_at: datetime
    symptom: str


def is_suspicious(evidence: Evidence | None, *, working: int) -> bool:
    """Whether failures of so many connections cannot be theirs alone. `working` counts the provider's active ones.

    Three connections, more where there are thousands, all where there are fewer.
    """
    if evidence is None:
        return False
    return evidence.connections >= min(working, max(LEAST_CONNECTIONS, working // ONE_IN))


def is_trouble(evidence: Evidence | None, *, working: int) -> bool:
    """Whether it is the provider: suspicious, and often enough. Of one or two connections a failure proves little."""
    return evidence is not None and evidence.failures >= LEAST_FAILURES and is_suspicious(evidence, working=working)


def is_quiet(evidence: Evidence | None, *, now: datetime) -> bool:
    """Whether nothing has failed for a while: time to ask the provider itself."""
    return evidence is None or evidence.latest_at + QUIET <= now
