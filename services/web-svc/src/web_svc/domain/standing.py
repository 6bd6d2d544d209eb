"""How a connection stands, as a person reads it: one pill, one banner, one next step."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

EXPIRES_SOON = timedelta(days=30)
BANNER_BEFORE = timedelta(days=7)
EVERYONE_BEFORE = timedelta(days=1)


class Standing(StrEnum):
    """The pills of a connection, the worst first."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    DEGRADED = "degraded"
    EXPIRING = "expiring"
    PENDING = "pending"
    REFRESHING = "refreshing"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    REPLACED = "replaced"
    UNKNOWN = "unknown"  # a lifecycle that this release has no word for

    @property
    def severity(self) -> int:
        """0 is the worst."""
        return list(Standing).index(self)

    @property
    def needs_a_login(self) -> bool:
        return self in {Standing.EXPIRED, Standing.REVOKED}


_ENDED = {
    "pending": Standing.PENDING,
    "expired": Standing.EXPIRED,
    "revoked": Standing.REVOKED,
    "disconnected": Standing.DISCONNECTED,
    "replaced": Standing.REPLACED,
}


def standing_of(
    lifecycle: str, *, health: str, consent_expires_at: datetime | None, refreshing: bool, now: datetime
) -> Standing:
    """The lifecycle decides; of an active connection the worst that is true of it."""
    if lifecycle != "active":
        return _ENDED.get(lifecycle, Standing.UNKNOWN)
    if health == "degraded":
        return Standing.DEGRADED
    if consent_expires_at is not None and consent_expires_at - now <= EXPIRES_SOON:
        return Standing.EXPIRING
    return Standing.REFRESHING if refreshing else Standing.CONNECTED


def days_left(until: datetime, *, now: datetime) -> int:
    """Whole days that remain, rounded up as people count them; 0 when the time is over."""
    return max(0, -((now - until) // timedelta(days=1)))


def share_left(since: datetime, until: datetime, *, now: datetime) -> int:
    """What is left of the consent in percent, 0 to 100."""
    whole = (until - since).total_seconds()
    return round(100 * min(1.0, max(0.0, (until - now).total_seconds() / whole))) if whole > 0 else 0


@dataclass(frozen=True)
class Banner:
    """What the shell says above every page: the worst of all connections, and how many more have something."""

    standing: Standing
    connection_id: str
    more: int


@dataclass(frozen=True)
class Stand:
    """What the choice of the banner needs to know of one connection."""

    connection_id: str
    standing: Standing
    consent_expires_at: datetime | None


def choose_banner(stands: list[Stand], *, manages: bool, now: datetime) -> Banner | None:
    """The banner for this reader. A date that is near worries administrators for a week, everyone on the last day."""
    told = sorted((s for s in stands if _is_told(s, manages=manages, now=now)), key=lambda s: s.standing.severity)
    return Banner(told[0].standing, told[0].connection_id, len(told) - 1) if told else None


def _is_told(stand: Stand, *, manages: bool, now: datetime) -> bool:
    if stand.standing is Standing.EXPIRING and stand.consent_expires_at is not None:
        return stand.consent_expires_at - now <= (BANNER_BEFORE if manages else EVERYONE_BEFORE)
    return stand.standing.needs_a_login or stand.standing is Standing.DEGRADED
