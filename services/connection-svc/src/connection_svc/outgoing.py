"""Every event this service says. The state after the change comes from the connection that is passed in.

| Event | When |
|---|---|
| `ConnectionAuthorisationStarted` | a browser leaves for the provider's login |
| `ConnectionAuthorisationFailed` | it came back without a grant, or never did |
| `ConnectionOrganisationMismatched` | it came back with another organisation |
| `ConnectionEstablished`, `ConnectionReconnected` | a consent was confirmed: the first, a later one |
| `ConnectionExpiring`, `ConnectionExpired` | the yearly clock, or proof that the grant is dead |
| `ReconnectRequested`, `ReconnectCompleted` | a repair begins, reminds, ends |
| `ReconnectAsked` | a member asks the administrators, or somebody is sent a link |
| `ConnectionSettingsChanged` | an administrator changed settings |
| `ConnectionChanged` | another connection took its place |
| `ConnectionDisconnected` | the customer left |
| `ConnectionState` | after each of them that changed the connection |
| `ProviderState` | a provider struggles, or is well again |
"""

from datetime import datetime, timedelta
from typing import TypedDict

from connection_svc.domain import reconnect
from connection_svc.domain.attempt import Attempt, Channel, Problem
from connection_svc.domain.connection import Connection, DetectedBy, Organisation
from connection_svc.domain.health import ProviderHealth
from connection_svc.domain.reconnect import LINK_LIFETIME, ReconnectCase
from relink_contracts.envelope import Actor, EventData, Outgoing, speaker
from relink_contracts.events import (
    ConnectionAuthorisationFailed,
    ConnectionAuthorisationStarted,
    ConnectionChanged,
    ConnectionDisconnected,
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionExpiring,
    ConnectionOrganisationMismatched,
    ConnectionReconnected,
    ConnectionSettings,
    ConnectionSettingsChanged,
    ConnectionState,
    ProviderState,
    ReconnectAsked,
    ReconnectCompleted,
    ReconnectRequested,
)

SYSTEM = Actor(type="system", id="connection-svc")

LINK_HOLDER = Actor(type="system", id=reconnect.LINK_HOLDER)

say = speaker("connection-svc")

# The promise groups what the person may do about it more coarsely than our pages do.
_FAILURE_CODES = {
    Problem.DENIED: "denied",
    Problem.NO_CODE: "provider_error",
    Problem.STATE_UNKNOWN: "state_mismatch",
    Problem.STATE_USED: "state_mismatch",
    Problem.FOREIGN_BROWSER: "state_mismatch",
    Problem.ISSUER_MISMATCH: "state_mismatch",
    Problem.TIMED_OUT: "timed_out",
    Problem.PROVIDER_ERROR: "provider_error",
    Problem.NO_ORGANISATION: "insufficient_role",
    Problem.ORGANISATION_MISMATCH: "insufficient_role",
    Problem.CONNECTION_ENDED: "state_mismatch",
    Problem.SCOPE_MISSING: "scope_missing",
}


class _Common(TypedDict):
    business_id: str
    actor: Actor
    connection_id: str
    lifecycle: str
    generation: int
    settings_version: int


def _common(connection: Connection, actor: Actor) -> _Common:
    return {
        "business_id": connection.business_id,
        "actor": actor,
        "connection_id": connection.id,
        "lifecycle": connection.lifecycle.value,
        "generation": connection.generation,
        "settings_version": connection.settings_version,
    }


def _settings(connection: Connection) -> ConnectionSettings:
    settings = connection.settings
    return ConnectionSettings(
        warn_new_supplier=settings.warn_new_supplier,
        always_ask_organisation=settings.always_ask_organisation,
        auto_publish=settings.auto_publish,
        default_destination=settings.default_destination,
    )


def user(user_id: str) -> Actor:
    """A person, by the id that the identity system gave."""
    return Actor(type="user", id=user_id)


def starter(attempt: Attempt) -> Actor:
    """Who makes the journey: a person, or whoever holds a reconnect link."""
    if attempt.channel is Channel.LINK:
        return LINK_HOLDER
    return user(attempt.started_by)


def connection_state(connection: Connection, *, by: Actor, at: datetime) -> Outgoing:
    """The connection as it is now."""
    organisation = connection.organisation
    event = ConnectionState(
        **_common(connection, by),
        consent_expires_at=connection.consent_expires_at,
        provider=connection.provider,
        organisation_id=organisation.id if organisation else None,
        organisation_name=organisation.name if organisation else None,
        connected_at=connection.connected_at,
        scopes=connection.scopes,
        settings=_settings(connection),
        replaces_connection_id=connection.replaces_connection_id,
    )
    return say(event, at=at)


def authorisation_started(connection: Connection, attempt: Attempt, *, at: datetime) -> Outgoing:
    """The browser leaves for the provider's login."""
    event = ConnectionAuthorisationStarted(
        **_common(connection, starter(attempt)),
        consent_expires_at=connection.consent_expires_at,
        attempt_id=attempt.id,
        provider=attempt.provider,
        intent=attempt.intent.value,
        channel=attempt.channel.value,
    )
    return say(event, at=at)


def authorisation_failed(connection: Connection, attempt: Attempt, problem: Problem, *, at: datetime) -> Outgoing:
    """The browser came back without a grant, or its time is over. Starting again may always succeed."""
    event = ConnectionAuthorisationFailed(
        **_common(connection, starter(attempt)),
        consent_expires_at=connection.consent_expires_at,
        attempt_id=attempt.id,
        code=_FAILURE_CODES[problem],
        retryable=True,
    )
    return say(event, at=at)


def organisation_mismatched(
    connection: Connection, attempt: Attempt, expected: Organisation, *, by: Actor, at: datetime
) -> Outgoing:
    """The login brought another organisation; nothing was activated."""
    event = ConnectionOrganisationMismatched(
        **_common(connection, by),
        consent_expires_at=connection.consent_expires_at,
        attempt_id=attempt.id,
        expected_organisation_id=expected.id,
        offered_organisation_ids=tuple(organisation.id for organisation in attempt.offered),
    )
    return say(event, at=at)


def connection_activated(before: Connection, connection: Connection, *, by: Actor, at: datetime) -> Outgoing:
    """The first consent establishes a connection, every later one reconnects it."""
    assert connection.organisation is not None
    assert connection.consent_expires_at is not None
    assert connection.connected_at is not None
    event: EventData
    if before.generation == 0:
        event = ConnectionEstablished(
            **_common(connection, by),
            consent_expires_at=connection.consent_expires_at,
            provider=connection.provider,
            organisation_id=connection.organisation.id,
            organisation_name=connection.organisation.name,
            scopes=connection.scopes,
            connected_at=connection.connected_at,
            replaces_connection_id=connection.replaces_connection_id,
        )
    else:
        event = ConnectionReconnected(
            **_common(connection, by),
            consent_expires_at=connection.consent_expires_at,
            organisation_id=connection.organisation.id,
            was=before.was(now=at),
            downtime_seconds=int(before.downtime(now=at).total_seconds()),
        )
    return say(event, at=at)


def connection_changed(replaced: Connection, successor: Connection, *, by: Actor, at: datetime) -> Outgoing:
    """The successor took its place. The lists stay as they were read, for the merge."""
    event = ConnectionChanged(
        **_common(replaced, by),
        consent_expires_at=replaced.consent_expires_at,
        new_connection_id=successor.id,
        from_provider=replaced.provider,
        to_provider=successor.provider,
        lists_kept=True,
    )
    return say(event, at=at)


def connection_expiring(connection: Connection, *, at: datetime) -> Outgoing:
    """The yearly consent ends soon; the connection has just been marked as warned."""
    assert connection.consent_expires_at is not None
    assert connection.warned_stage is not None
    event = ConnectionExpiring(
        **_common(connection, SYSTEM),
        consent_expires_at=connection.consent_expires_at,
        stage=connection.warned_stage,
        days_left=(connection.consent_expires_at - at).days,
    )
    return say(event, at=at)


def connection_expired(connection: Connection, *, detected_by: DetectedBy, at: datetime) -> Outgoing:
    """The grant is dead; the connection has just been marked so."""
    assert connection.ended_at is not None
    assert connection.expiry_reason is not None
    event = ConnectionExpired(
        **_common(connection, SYSTEM),
        consent_expires_at=connection.consent_expires_at,
        expired_at=connection.ended_at,
        reason=connection.expiry_reason.value,
        detected_by=detected_by.value,
    )
    return say(event, at=at)


def reconnect_requested(connection: Connection, case: ReconnectCase, *, stage: str, at: datetime) -> Outgoing:
    """A repair begins, or is still wanted: `stage` tells which."""
    event = ReconnectRequested(
        **_common(connection, SYSTEM),
        consent_expires_at=connection.consent_expires_at,
        reconnect_id=case.id,
        reason=case.reason.value,
        stage=stage,
        link_expires_at=at + LINK_LIFETIME,
    )
    return say(event, at=at)


def reconnect_asked(  # noqa: PLR0913 - who asks whom, for what and for how long
    connection: Connection,
    case: ReconnectCase | None,
    recipients: tuple[str, ...],
    *,
    link_lifetime: timedelta,
    by: Actor,
    at: datetime,
) -> Outgoing:
    """Somebody asks others to reconnect. They are sent links of their own; none is in the event."""
    event = ReconnectAsked(
        **_common(connection, by),
        consent_expires_at=connection.consent_expires_at,
        reconnect_id=case.id if case else None,
        asked_by=by.id,
        recipient_user_ids=recipients,
        link_lifetime_seconds=int(link_lifetime.total_seconds()),
    )
    return say(event, at=at)


def reconnect_completed(connection: Connection, case: ReconnectCase, *, by: Actor, at: datetime) -> Outgoing:
    """The repair is over; the case has just been closed."""
    assert case.outcome is not None
    event = ReconnectCompleted(
        **_common(connection, by),
        consent_expires_at=connection.consent_expires_at,
        reconnect_id=case.id,
        outcome=case.outcome.value,
        seconds_open=int(case.open_for(now=at).total_seconds()),
    )
    return say(event, at=at)


def settings_changed(connection: Connection, changed: tuple[str, ...], *, by: Actor, at: datetime) -> Outgoing:
    """The settings that differ, and all as they are now."""
    event = ConnectionSettingsChanged(
        **_common(connection, by),
        consent_expires_at=connection.consent_expires_at,
        changed=changed,
        settings=_settings(connection),
    )
    return say(event, at=at)


def connection_disconnected(
    connection: Connection, *, lists_kept: bool, revoked_at_provider: bool, by: Actor, at: datetime
) -> Outgoing:
    """The customer left."""
    event = ConnectionDisconnected(
        **_common(connection, by),
        consent_expires_at=connection.consent_expires_at,
        lists_kept=lists_kept,
        revoked_at_provider=revoked_at_provider,
    )
    return say(event, at=at)


def provider_state(health: ProviderHealth, *, at: datetime) -> Outgoing:
    """The provider struggles or is well: said of no business."""
    event = ProviderState(
        actor=SYSTEM,
        provider=health.provider,
        health=health.health.value,
        since=health.since,
        symptom=health.symptom,
    )
    return say(event, at=at)
