"""Refusals of the domain and the store as RFC 9457 problems. The only place where one becomes the other."""

from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import Depends

from chassis.http import Problem, may_answer
from connection_svc.domain.attempt import (
    AttemptOver,
    AttemptRunning,
    NotReturned,
    OrganisationConnectedHere,
    OrganisationNotGranted,
    OrganisationTaken,
)
from connection_svc.domain.connection import (
    NotChangeable,
    NotDisconnectable,
    NotReconnectable,
    OrganisationMismatch,
    OrganisationUnchanged,
    SettingNotSupported,
    SettingsChange,
    SettingsForWebOnly,
)
from connection_svc.domain.errors import DomainError
from connection_svc.domain.people import NobodyToAsk, UnknownRecipient
from connection_svc.domain.reconnect import LinkNotValid, NoNewLinkNeeded, NothingToRepair, SnoozeOutOfRange
from connection_svc.store.attempts import UnknownAttempt
from connection_svc.store.cases import UnknownCase
from connection_svc.store.connections import ChangedMeanwhile, UnknownConnection
from connection_svc.store.links import UnknownLink

_NOT_FOUND = (UnknownConnection, UnknownAttempt, UnknownCase, UnknownLink)

_REFUSALS: dict[type[DomainError], tuple[int, str, str]] = {
    NotReconnectable: (409, "not_reconnectable", "Nothing to reconnect"),
    NotChangeable: (409, "not_changeable", "Nothing to change"),
    NotDisconnectable: (409, "not_disconnectable", "Already ended"),
    OrganisationMismatch: (409, "organisation_mismatch", "That is a different organisation"),
    OrganisationTaken: (409, "organisation_taken", "Connected to another account"),
    OrganisationConnectedHere: (409, "organisation_connected_here", "Already connected"),
    OrganisationUnchanged: (409, "organisation_unchanged", "The same organisation"),
    OrganisationNotGranted: (422, "organisation_not_granted", "Not part of this login"),
    AttemptOver: (409, "attempt_over", "Start again"),
    NotReturned: (409, "attempt_not_returned", "Not back from the login"),
    LinkNotValid: (409, "link_not_valid", "This link cannot be used"),
    NoNewLinkNeeded: (409, "no_new_link_needed", "No need for a new link"),
    NothingToRepair: (409, "nothing_to_repair", "Nothing to repair"),
    NobodyToAsk: (409, "nobody_to_ask", "Nobody to ask"),
    SnoozeOutOfRange: (422, "snooze_out_of_range", "Not a time to snooze to"),
    UnknownRecipient: (422, "recipient_unknown", "Not in this business"),
}

_FIELDS: dict[type[DomainError], str] = {SnoozeOutOfRange: "until", UnknownRecipient: "send_to_user_id"}
"""The field of the body that a refusal is about."""


async def translated() -> AsyncIterator[None]:
    """What the routes refuse comes out as a problem."""
    try:
        yield
    except _NOT_FOUND as unknown:
        raise Problem(404, "not_found", "Not found", f"{unknown}".capitalize() + ".") from unknown
    except ChangedMeanwhile as change:
        raise Problem(409, "changed_meanwhile", "Changed meanwhile", "Read it again and repeat.") from change
    except AttemptRunning as running:
        raise _attempt_running(running) from running
    except SettingNotSupported as unsupported:
        pointer = {"pointer": f"/body/{unsupported.name}", "code": "not_supported", "detail": str(unsupported)}
        raise Problem(422, "setting_not_supported", "Not supported", str(unsupported), [pointer]) from unsupported
    except SettingsForWebOnly as web_only:
        pointers = [
            {"pointer": f"/body/{name}", "code": "web_only", "detail": str(web_only)} for name in web_only.names
        ]
        raise Problem(422, "settings_for_web_only", "On the web only", str(web_only), pointers) from web_only
    except tuple(_REFUSALS) as refusal:
        status, code, title = _REFUSALS[type(refusal)]
        field = _FIELDS.get(type(refusal))
        errors = [{"pointer": f"/body/{field}", "code": code, "detail": str(refusal)}] if field else []
        raise Problem(status, code, title, str(refusal), errors) from refusal


TRANSLATED: Final[dict[str, Any]] = {"dependencies": [Depends(translated)], "responses": may_answer(404, 409)}
"""What every router is made with."""


def unknown_provider(provider: str) -> Problem:
    """The caller named an accounting software that we do not know."""
    pointer = {"pointer": "/body/provider", "code": "unknown", "detail": f"{provider} is not known here"}
    return Problem(422, "unknown_provider", "Unknown provider", f"{provider} is not known here.", [pointer])


def provider_paused(display_name: str) -> Problem:
    """An operator lets nobody go to the provider's login for now."""
    detail = f"{display_name} connections are paused for maintenance."
    return Problem(409, "provider_paused", "Paused for maintenance", detail)


def provider_web_only(display_name: str) -> Problem:
    """The provider cannot be connected or reconnected on a phone."""
    detail = f"{display_name} is connected on the web only."
    pointer = {"pointer": "/body/channel", "code": "web_only", "detail": detail}
    return Problem(422, "provider_web_only", "On the web only", detail, [pointer])


def _attempt_running(running: AttemptRunning) -> Problem:
    """Who is faster, and on which journey: to join it, or to take it over."""
    facts = {"started_by": running.attempt.started_by, "attempt_id": running.attempt.id}
    errors = [{"pointer": "/body/connection_id", "code": name, "detail": fact} for name, fact in facts.items()]
    return Problem(409, "attempt_running", "Somebody else has begun", f"{running}.", errors)


def connection_required() -> Problem:
    """Only a connect may do without a connection."""
    pointer = {"pointer": "/body/connection_id", "code": "missing", "detail": "which connection is meant"}
    return Problem(422, "connection_required", "Which connection?", "A reconnect or change names one.", [pointer])


def return_to_refused() -> Problem:
    """After a login people go back to our own pages only."""
    pointer = {"pointer": "/body/return_to", "code": "foreign_address", "detail": "not an address of the web pages"}
    return Problem(422, "return_to_refused", "Address refused", "return_to must be one of our own pages.", [pointer])


def precondition_required() -> Problem:
    """Whoever changes settings says which version he saw."""
    return Problem(428, "precondition_required", "If-Match is required", "Send the ETag of the settings you read.")


def precondition_failed(change: SettingsChange) -> Problem:
    """Somebody was faster: who, what and when, so that a person can look at it."""
    what = ", ".join(change.names) or "the settings"
    told = {"changed_by": change.by, "changed_at": change.at.isoformat()}
    return Problem(
        412,
        "settings_changed",
        "Changed meanwhile",
        f"{change.by} changed {what} at {change.at.isoformat(timespec='seconds')}.",
        [
            {"pointer": f"/body/{name}", "code": "changed", "detail": f"changed by {change.by}"} | told
            for name in change.names
        ],
    )
