"""Why a connection is in its state and what comes next, in words for people."""

from dataclasses import dataclass
from datetime import datetime

from connection_svc.domain.connection import Connection, ExpiryReason, Lifecycle, due_stage
from connection_svc.domain.reconnect import ReconnectCase, remind_at

_REASONS = {
    ExpiryReason.CONSENT_LAPSED: "The yearly consent ended on {due}.",
    ExpiryReason.REFRESH_EXPIRED: "{provider} let the access lapse on {ended}, because it was not used for too long.",
    ExpiryReason.ORGANISATION_WITHDRAWN: "{provider} stopped sharing {organisation} with us on {ended}.",
    ExpiryReason.GRANT_REVOKED: "Access was withdrawn in {provider} on {ended}.",
}


@dataclass(frozen=True)
class Circumstances:
    """What has to be known beside the connection itself.

    `is_quarantined`: its tokens were damaged where we keep them. `is_degraded`: its provider struggles. `is_leaving`:
    it has ended, and the provider has not taken our access back yet. `successor`: the organisation and software that
    took its place. `case`: its open repair.
    """

    provider_name: str
    is_quarantined: bool = False
    is_degraded: bool = False
    is_leaving: bool = False
    successor: str | None = None
    case: ReconnectCase | None = None


def explain(connection: Connection, around: Circumstances, *, now: datetime) -> tuple[str, str | None]:
    """Why it is so, and what happens or is to be done next (None: nothing)."""
    provider_name, is_quarantined = around.provider_name, around.is_quarantined
    organisation = connection.organisation.name if connection.organisation else provider_name
    ended = _day(connection.ended_at)
    match connection.lifecycle:
        case Lifecycle.PENDING:
            following = f"Log in to {provider_name} to finish.{_trouble(around)}"
            return "Somebody began to connect and has not finished.", following
        case Lifecycle.ACTIVE if is_quarantined:
            why = f"What we keep of the access to {organisation} is damaged, so it is not used any more."
            return why, _reconnect(around)
        case Lifecycle.ACTIVE:
            return _explain_active(connection, organisation, around, now=now)
        case Lifecycle.EXPIRED | Lifecycle.REVOKED:
            assert connection.expiry_reason is not None
            why = _REASONS[connection.expiry_reason]
            due = _day(connection.consent_expires_at)  # noticed later, where nothing of ours ran at that time
            why = why.format(ended=ended, due=due, provider=provider_name, organisation=organisation)
            return why, _reconnect(around)
        case Lifecycle.DISCONNECTED:
            leaving = f" {_leaving(provider_name)}" if around.is_leaving else ""
            return f"Somebody disconnected {organisation} on {ended}.", f"Connect again to publish.{leaving}"
        case Lifecycle.REPLACED:
            why = f"{around.successor} took the place of {organisation} on {ended}."
            return why, _leaving(provider_name) if around.is_leaving else None


def _leaving(provider_name: str) -> str:
    return f"{provider_name} has not confirmed yet that our access is gone; we keep asking."


def _explain_active(
    connection: Connection, organisation: str, around: Circumstances, *, now: datetime
) -> tuple[str, str | None]:
    ends = _day(connection.consent_expires_at)
    if connection.has_lapsed(now=now):
        return f"The yearly consent ended on {ends}.", _reconnect(around)
    is_expiring = due_stage(connection, now=now) is not None
    if around.is_degraded:
        why = f"Connected to {organisation}, but {around.provider_name} is not answering right now."
        ending = f" The yearly consent ends on {ends}: reconnect before then." if is_expiring else ""
        return why, f"What waits is published by itself when {around.provider_name} is back.{ending}"
    if is_expiring:
        return f"Connected to {organisation}. The yearly consent ends on {ends}.", "Reconnect before then."
    return f"Connected to {organisation}.", f"Nothing to do. The next reconnection is due by {ends}."


def _reconnect(around: Circumstances) -> str:
    """What mends it, and what happens until somebody does."""
    mends = f"An administrator logs in to {around.provider_name} again; what waits is then published by itself."
    return f"{mends}{_trouble(around)}{_until_then(around.case) if around.case else ''}"


def _trouble(around: Circumstances) -> str:
    return (
        f" {around.provider_name} is not answering right now, so that may have to wait." if around.is_degraded else ""
    )


def _until_then(case: ReconnectCase) -> str:
    asked = f" Administrators were asked on {_day(case.asked_at)}." if case.asked_at else ""
    reminder = remind_at(case)
    if reminder is None:
        return f"{asked} No further reminder is sent."
    comes = "Reminders are put off until" if case.snoozed_until else "The next reminder is sent on"
    return f"{asked} {comes} {_day(reminder)}."


def _day(time: datetime | None) -> str:
    return f"{time.day} {time:%B %Y}" if time else "an unknown day"
