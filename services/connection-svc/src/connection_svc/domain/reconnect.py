"""The workflow from an expiry to its repair, and the links that start a repair from a mail."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from connection_svc.domain.connection import RECONNECTABLE, Connection, ExpiryReason
from connection_svc.domain.errors import DomainError

REMINDERS: tuple[tuple[str, timedelta], ...] = (
    ("reminder_3_days", timedelta(days=3)),
    ("reminder_7_days", timedelta(days=7)),
)

AFTER_SNOOZE = "reminder_after_snooze"

LONGEST_SNOOZE = timedelta(days=30)

ASKED_AGAIN_AFTER = timedelta(days=1)
"""Whoever asks the administrators sooner than that is told that they were asked."""

LINK_LIFETIME = timedelta(days=7)

LINK_HOLDER = "reconnect-link"
"""Whoever holds a link, where an id of a user would stand: nobody knows who it is."""


class CaseOutcome(StrEnum):
    """How a case closed."""

    RECONNECTED = "reconnected"
    CHANGED = "changed"
    DISCONNECTED = "disconnected"


class NothingToRepair(DomainError):
    """The connection works, or has ended: nobody is reminded of it or asked to reconnect it."""

    def __init__(self, connection_id: str) -> None:
        self.connection_id = connection_id
        super().__init__(f"connection {connection_id} needs no repair")


class SnoozeOutOfRange(DomainError):
    """A snooze ends in the future, and not in the far one."""

    def __init__(self) -> None:
        super().__init__(f"a snooze ends within the next {LONGEST_SNOOZE.days} days")


@dataclass(frozen=True)
class ReconnectCase:
    """One repair. A connection has at most one open case, however many failures are reported."""

    id: str
    business_id: str
    connection_id: str
    generation: int  # the consent that died
    reason: ExpiryReason
    opened_at: datetime
    stage: str = "opened"
    closed_at: datetime | None = None
    outcome: CaseOutcome | None = None
    snoozed_until: datetime | None = None
    asked_at: datetime | None = None  # when a member last asked the administrators

    def close(self, outcome: CaseOutcome, *, now: datetime) -> "ReconnectCase":
        """The connection works again or was given up."""
        return replace(self, closed_at=now, outcome=outcome)

    def open_for(self, *, now: datetime) -> timedelta:
        """How long the customer had to wait for the repair; not at all by a clock that was put back."""
        return max(now - self.opened_at, timedelta(0))

    def snooze(self, until: datetime, *, now: datetime) -> "ReconnectCase":
        """No reminder before `until`, and one then, whatever the schedule says. Raises SnoozeOutOfRange."""
        if not now < until <= now + LONGEST_SNOOZE:
            raise SnoozeOutOfRange
        return replace(self, snoozed_until=until)

    def ask(self, *, now: datetime) -> "ReconnectCase":
        """A member asks the administrators; the same case when they were asked a moment ago."""
        if self.asked_at is not None and now < self.asked_at + ASKED_AGAIN_AFTER:
            return self
        return replace(self, asked_at=now)


def due_reminder(case: ReconnectCase, *, now: datetime) -> str | None:
    """The reminder to say now: the end of a snooze, or the latest of the schedule. None when none is due."""
    due_at = remind_at(case)
    if due_at is None or now < due_at:
        return None
    return AFTER_SNOOZE if case.snoozed_until is not None else _latest(case, now=now)


def remind(case: ReconnectCase, *, now: datetime) -> ReconnectCase:
    """The case once its due reminder was said: seen late, or after a snooze, it skips the earlier ones."""
    return replace(case, stage=_latest(case, now=now), snoozed_until=None)


def _latest(case: ReconnectCase, *, now: datetime) -> str:
    due = [stage for stage, after in REMINDERS if case.opened_at + after <= now]
    return due[-1] if due else case.stage


def remind_at(case: ReconnectCase) -> datetime | None:
    """When the next reminder falls due; None when the last was said or the case is closed."""
    if case.closed_at is None and case.snoozed_until is not None:
        return case.snoozed_until
    stages = [stage for stage, _ in REMINDERS]
    said = stages.index(case.stage) + 1 if case.stage in stages else 0
    if case.closed_at is not None or said == len(REMINDERS):
        return None
    return case.opened_at + REMINDERS[said][1]


class LinkState(StrEnum):
    """What the page behind a link says."""

    VALID = "valid"
    USED = "used"
    EXPIRED = "expired"
    REPAIRED = "repaired"
    ENDED = "ended"  # the connection was disconnected or replaced


class LinkNotValid(DomainError):
    """The link cannot start a repair (any more)."""

    def __init__(self, state: LinkState) -> None:
        self.state = state
        super().__init__(f"this reconnect link is {state}")


class NoNewLinkNeeded(DomainError):
    """The link still works, or a new one would have nothing to do."""

    def __init__(self, state: LinkState) -> None:
        self.state = state
        super().__init__(f"this reconnect link is {state}: there is no need for a new one")


@dataclass(frozen=True)
class ReconnectLink:
    """The right to start one repair of one connection, for whoever holds its secret. Only the secret's hash is kept."""

    token_hash: bytes
    business_id: str
    connection_id: str
    case_id: str | None  # None: it was made while the connection still worked
    generation: int  # the consent to renew: once anybody has, the link has nothing left to do
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    made_by: str | None = None  # user id; None: it went out with the mail about an expiry
    attempt_id: str | None = None  # the login that it was used for
    asked_at: datetime | None = None  # when its holder asked for a new one

    def state(self, connection: Connection, *, now: datetime) -> LinkState:
        """Repaired comes first: there is nothing left to do, however old the link is."""
        if connection.lifecycle not in RECONNECTABLE:
            return LinkState.ENDED
        if connection.generation > self.generation:
            return LinkState.REPAIRED
        if self.used_at is not None:
            return LinkState.USED
        return LinkState.VALID if now < self.expires_at else LinkState.EXPIRED

    def use(self, connection: Connection, *, attempt_id: str, now: datetime) -> "ReconnectLink":
        """Spend the link for this attempt. Raises LinkNotValid."""
        state = self.state(connection, now=now)
        if state is not LinkState.VALID:
            raise LinkNotValid(state)
        return replace(self, used_at=now, attempt_id=attempt_id)

    def ask_for_another(self, connection: Connection, *, now: datetime) -> "ReconnectLink":
        """Its holder asks for a new one, once; the same link when that was done before. Raises NoNewLinkNeeded."""
        state = self.state(connection, now=now)
        if state not in {LinkState.USED, LinkState.EXPIRED}:
            raise NoNewLinkNeeded(state)
        return replace(self, asked_at=self.asked_at or now)


def masked(name: str) -> str:
    """An organisation's name as a stranger may see it: the first letter of each word."""
    return " ".join(word[0] + "•" * (len(word) - 1) for word in name.split())


def masked_id(business_id: str) -> str:
    """A business's id as another business may see it: enough to recognise one's own."""
    return f"…{business_id[-4:]}"
