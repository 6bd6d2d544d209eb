"""The workflow from an expiry to its repair, and the links that start a repair from a mail."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from connection_svc.domain.connection import RECONNECTABLE, Connection, ExpiryReason, Lifecycle
from connection_svc.domain.errors import DomainError

REMINDERS: tuple[tuple[str, timedelta], ...] = (
    ("reminder_3_days", timedelta(days=3)),
    ("reminder_7_days", timedelta(days=7)),
)

LINK_LIFETIME = timedelta(days=7)


class CaseOutcome(StrEnum):
    """How a case closed."""

    RECONNECTED = "reconnected"
    CHANGED = "changed"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True)
class ReconnectCase:
    """One repair. A connection has at most one open case, however many failures are reported."""

    CHANGED = "changed"
    id: str
    business_id: str
    connection_id: str
    generation: int  # the consent that died
    reason: ExpiryReason
    opened_at: datetime
    stage: str = "opened"
    closed_at: datetime | None = None
    outcome: CaseOutcome | None = None

    def close(self, outcome: CaseOutcome, *, now: datetime) -> "ReconnectCase":
        """The connection works again or was given up."""
        return replace(self, closed_at=now, outcome=outcome)

    def open_for(self, *, now: datetime) -> timedelta:
        """How long the customer had to wait for the repair."""
        return now - self.opened_at


def remind(case: ReconnectCase, *, now: datetime) -> ReconnectCase:
    """Mark the latest reminder that has fallen due as said; a case seen late skips the earlier one."""
    due = [stage for stage, after in REMINDERS if case.opened_at + after <= now]
    return replace(case, stage=due[-1]) if due else case


def remind_at(case: ReconnectCase) -> datetime | None:
    """When the next reminder falls due; None when the last was said or the case is closed."""
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


class LinkNotValid(DomainError):
    """The link cannot start a repair (any more)."""

    def __init__(self, state: LinkState) -> None:
        self.state = state
        super().__init__(f"this reconnect link is {state}")


@dataclass(frozen=True)
class ReconnectLink:
    """The right to start one repair of one connection, for whoever holds its secret. Only the secret's hash is kept."""

    token_hash: bytes
    business_id: str
    connection_id: str
    case_id: str
    generation: int  # the consent that died: after a repair by anyone the link has nothing left to do
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None

    def state(self, connection: Connection, *, now: datetime) -> LinkState:
        """Repaired comes first: there is nothing left to do, however old the link is."""
        if connection.lifecycle not in RECONNECTABLE:
            return LinkState.EXPIRED
        if connection.lifecycle is Lifecycle.ACTIVE or connection.generation > self.generation:
            return LinkState.REPAIRED
        if self.used_at is not None:
            return LinkState.USED
        return LinkState.VALID if now < self.expires_at else LinkState.EXPIRED

    def use(self, connection: Connection, *, now: datetime) -> "ReconnectLink":
        """Spend the link. Raises LinkNotValid."""
        state = self.state(connection, now=now)
        if state is not LinkState.VALID:
            raise LinkNotValid(state)
        return replace(self, used_at=now)


def masked(name: str) -> str:
    """An organisation's name as a stranger may see it: the first letter of each word."""
    return " ".join(word[0] + "•" * (len(word) - 1) for word in name.split())


def masked_id(business_id: str) -> str:
    """A business's id as another business may see it: enough to recognise one's own."""
    return f"…{business_id[-4:]}"
