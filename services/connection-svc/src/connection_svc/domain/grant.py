"""The tokens of a connection, and when they may be used, refreshed or given up."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_BACKOFF = timedelta(minutes=15)

OUTCOME_WAIT = timedelta(seconds=60)
"""After this nobody can be about to store what an earlier refresh brought: twice a refresh's lease."""

REPORT_PAUSE = timedelta(seconds=60)
"""A token that was just renewed because of a report is not renewed again for another one."""


@dataclass(frozen=True)
class Tokens:
    """What one answer of the provider's token endpoint brought. Secrets stay out of `repr`, so out of logs."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_expires_at: datetime | None
    scopes: tuple[str, ...]
    authorisation_event: str | None
    obtained_at: datetime
    idle_refresh_at: datetime  # refreshed by then even if nobody asks for it

    @property
    def fingerprint(self) -> str:
        """Names the access token without telling it: callers report a rejected token by this."""
        return hashlib.sha256(self.access_token.encode()).hexdigest()


@dataclass(frozen=True)
class Grant:
    """A connection's tokens and what is known of their refreshes.

    `version` grows with every token stored: a rotated token is stored only over the version it came from.
    `unsettled_since` is the start of the latest refresh whose outcome is not known: until it is, the provider may
    hold a newer refresh token than ours. No refresh starts before `leased_for` (somebody refreshes) and
    `backing_off_for` (the provider gave no answer) have passed. These are by the database's clock, the durations at
    the time of reading: replicas need not agree on the time of day.
    """

    connection_id: str
    business_id: str
    version: int
    tokens: Tokens
    failed_refreshes: int = 0
    unsettled_since: datetime | None = None
    unsettled_for: timedelta | None = None
    forced_at: datetime | None = None  # the latest refresh because a caller's token was rejected
    leased_for: timedelta = timedelta(0)
    backing_off_for: timedelta = timedelta(0)


def is_fresh(grant: Grant, *, now: datetime, margin: timedelta) -> bool:
    """The access token lives longer than the margin a caller needs to use it."""
    return grant.tokens.access_expires_at - now > margin


def refusal_unproven_for(before: Grant) -> timedelta:
    """How long `invalid_grant` for a refresh of `before` proves nothing yet; zero when it is to be believed.

    An earlier refresh without a known outcome may have rotated the token and be about to store it.
    """
    if before.unsettled_for is None:
        return timedelta(0)
    return max(OUTCOME_WAIT - before.unsettled_for, timedelta(0))


def was_just_forced(grant: Grant, *, now: datetime) -> bool:
    """The token was renewed a moment ago because somebody reported it as rejected."""
    return grant.forced_at is not None and now - grant.forced_at < REPORT_PAUSE


def backoff(failed_refreshes: int) -> timedelta:
    """2 s, 4 s, 8 s … at most a quarter of an hour between two refreshes of one grant that got no answer."""
    return min(timedelta(seconds=2 ** min(failed_refreshes, 10)), LONGEST_BACKOFF)


def idle_refresh_at(refreshed_at: datetime, *, idle_limit: timedelta) -> datetime:
    """When an unused grant is refreshed to stay alive: at three quarters of what the provider allows."""
    return refreshed_at + idle_limit * 3 / 4


class NotUsableYet(StrEnum):
    """Why the answer is `checking`: for the log, never for the customer."""

    REFRESHING = "refreshing"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    REFUSAL_UNPROVEN = "refusal_unproven"
    REJECTED_AGAIN = "rejected_again"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Usable:
    """A token that works as far as we know."""

    access_token: str = field(repr=False)
    expires_at: datetime
    organisation_id: str
    provider: str
    generation: int


@dataclass(frozen=True)
class Over:
    """The connection does not work and no waiting helps: `reason` is an ExpiryReason or the lifecycle."""

    reason: str


@dataclass(frozen=True)
class Checking:
    """Nobody knows yet. Hold what you have and ask again."""

    because: NotUsableYet
    retry_after: timedelta


AccessAnswer = Usable | Over | Checking
