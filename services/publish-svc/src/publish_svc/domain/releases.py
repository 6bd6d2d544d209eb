"""A release: what waited at a connection goes out together, and is accounted for."""

from dataclasses import dataclass
from datetime import datetime

from publish_svc.domain.items import HoldReason


@dataclass(frozen=True)
class Release:
    """`waiting` items were held when it started. `trigger` is why they may go."""

    id: str
    business_id: str
    connection_id: str
    trigger: str
    waiting: int
    started_at: datetime


@dataclass(frozen=True)
class Tally:
    """What became of a release's items so far."""

    published: int
    failed: int
    unsettled: int


@dataclass(frozen=True)
class Finished:
    """The account of a release. `excluded` were taken out, or asked for anew, by somebody meanwhile."""

    release: Release
    published: int
    failed: int
    excluded: int
    seconds: int


def finish(release: Release, tally: Tally, *, now: datetime) -> Finished | None:
    """The release's account once nothing of it is left unsettled; None before."""
    if tally.unsettled:
        return None
    excluded = max(0, release.waiting - tally.published - tally.failed)
    seconds = max(0, int((now - release.started_at).total_seconds()))
    return Finished(release, tally.published, tally.failed, excluded, seconds)


def trigger_of(reason: str | None) -> str:
    """Why items that were held for `reason` may go."""
    if reason in {HoldReason.PROVIDER_DEGRADED, HoldReason.CONNECTION_CHECKING}:
        return "provider_recovered"
    return "user" if reason is HoldReason.CANARY_FAILED else "reconnect"
