"""accounting.connection.events.v1 and accounting.connection.state.v1, from connection-svc."""

from typing import Annotated, ClassVar

from relink_contracts.envelope import EventData, Part
from relink_contracts.fields import BusinessName, OneOf, Provider, UserId, UtcTime

Lifecycle = Annotated[str, OneOf("pending", "active", "expired", "revoked", "disconnected", "replaced")]
ExpiryReason = Annotated[
    str, OneOf("consent_lapsed", "refresh_token_expired", "organisation_withdrawn", "grant_revoked")
]


class ConnectionSettings(Part):
    """What an administrator chose for one connection."""

    warn_new_supplier: bool
    always_ask_organisation: bool
    auto_publish: bool
    default_destination: str | None


class ConnectionEvent(EventData):
    """Something happened to a connection; the fields here are its state after that."""

    TOPIC: ClassVar[str] = "accounting.connection.events.v1"
    AGGREGATE: ClassVar[str] = "connection"

    connection_id: str
    lifecycle: Lifecycle
    generation: int
    """Counts consents: 0 before the first, 1 once established, one more with each reconnect."""
    consent_expires_at: UtcTime | None
    """When the yearly consent ends; null before the first login is finished."""
    settings_version: int

    def subject(self) -> str:
        return self.connection_id


class ConnectionAuthorisationStarted(ConnectionEvent):
    """Somebody left for the provider's login."""

    TYPE: ClassVar[str] = "relink.connection.authorisation-started.v1"

    attempt_id: str
    provider: Provider
    intent: Annotated[str, OneOf("connect", "reconnect", "change")]
    channel: Annotated[str, OneOf("web", "mobile", "link")]


class ConnectionAuthorisationFailed(ConnectionEvent):
    """Somebody came back from the provider's login without a grant. Nothing has changed."""

    TYPE: ClassVar[str] = "relink.connection.authorisation-failed.v1"

    attempt_id: str
    code: Annotated[
        str, OneOf("denied", "timed_out", "state_mismatch", "provider_error", "insufficient_role", "scope_missing")
    ]
    retryable: bool


class ConnectionEstablished(ConnectionEvent):
    """A first connection works."""

    TYPE: ClassVar[str] = "relink.connection.established.v1"

    provider: Provider
    organisation_id: str
    organisation_name: BusinessName
    scopes: tuple[str, ...]
    connected_at: UtcTime
    consent_expires_at: UtcTime
    replaces_connection_id: str | None = None


class ConnectionExpiring(ConnectionEvent):
    """The yearly consent ends soon."""

    TYPE: ClassVar[str] = "relink.connection.expiring.v1"

    consent_expires_at: UtcTime
    stage: Annotated[int, OneOf(30, 14, 7, 1)]
    """The warning that is due, in days before the end."""
    days_left: int


class ConnectionExpired(ConnectionEvent):
    """The provider or the calendar no longer accepts us; only the customer can mend it."""

    TYPE: ClassVar[str] = "relink.connection.expired.v1"

    expired_at: UtcTime
    reason: ExpiryReason
    detected_by: Annotated[str, OneOf("clock", "publish", "sync", "refresh", "provider_notice")]


class ConnectionReconnected(ConnectionEvent):
    """The same connection works again, with the same organisation."""

    TYPE: ClassVar[str] = "relink.connection.reconnected.v1"

    organisation_id: str
    consent_expires_at: UtcTime
    was: Annotated[str, OneOf("active", "expiring", "expired", "revoked")]
    downtime_seconds: int
    """0 when it still worked."""


class ConnectionOrganisationMismatched(ConnectionEvent):
    """The login brought another organisation; nothing was activated."""

    TYPE: ClassVar[str] = "relink.connection.organisation-mismatched.v1"

    attempt_id: str
    expected_organisation_id: str
    offered_organisation_ids: tuple[str, ...]


class ConnectionChanged(ConnectionEvent):
    """The connection was replaced by one to another software or organisation."""

    TYPE: ClassVar[str] = "relink.connection.changed.v1"

    new_connection_id: str
    from_provider: Provider
    to_provider: Provider
    lists_kept: bool


class ConnectionDisconnected(ConnectionEvent):
    """The customer left."""

    TYPE: ClassVar[str] = "relink.connection.disconnected.v1"

    lists_kept: bool
    revoked_at_provider: bool


class ConnectionSettingsChanged(ConnectionEvent):
    """An administrator changed the connection's settings."""

    TYPE: ClassVar[str] = "relink.connection.settings-changed.v1"

    changed: tuple[str, ...]
    """Names of the settings that have another value now."""
    settings: ConnectionSettings


class ReconnectRequested(ConnectionEvent):
    """The reconnect workflow opened, or reminded. The link itself is a secret and asked for over HTTP."""

    TYPE: ClassVar[str] = "relink.reconnect.requested.v1"
    VERSION: ClassVar[str] = "1.1.0"

    reconnect_id: str
    reason: ExpiryReason
    stage: Annotated[str, OneOf("opened", "reminder_3_days", "reminder_7_days", "reminder_after_snooze")]
    link_expires_at: UtcTime


class ReconnectAsked(ConnectionEvent):
    """A member asked the administrators to reconnect, or one sent another a link."""

    TYPE: ClassVar[str] = "relink.reconnect.asked.v1"
    VERSION: ClassVar[str] = "1.1.0"

    reconnect_id: str | None
    """The open repair; null when a link is sent while the connection still works."""
    asked_by: UserId
    """The person who asked; `reconnect-link` for whoever holds a link that is spent or too old."""
    recipient_user_ids: tuple[UserId, ...]
    link_lifetime_seconds: int = 604_800
    """How long the link that the recipients get is to work."""


class ReconnectCompleted(ConnectionEvent):
    """The reconnect workflow closed."""

    TYPE: ClassVar[str] = "relink.reconnect.completed.v1"

    reconnect_id: str
    outcome: Annotated[str, OneOf("reconnected", "changed", "disconnected")]
    seconds_open: int


class ConnectionState(ConnectionEvent):
    """The connection as it is now; the last record of a key is the truth."""

    TYPE: ClassVar[str] = "relink.connection.state.v1"
    TOPIC: ClassVar[str] = "accounting.connection.state.v1"

    provider: Provider
    organisation_id: str | None
    """Null until the first login is finished, like the name and `connected_at`."""
    organisation_name: BusinessName | None
    connected_at: UtcTime | None
    scopes: tuple[str, ...]
    settings: ConnectionSettings
    replaces_connection_id: str | None = None
