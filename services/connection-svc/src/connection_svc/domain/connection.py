"""A business's standing permission to read and write one organisation at a provider."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from connection_svc.domain.errors import DomainError

MOBILE_SETTINGS = frozenset({"warn_new_supplier"})

WARNING_STAGES_DAYS = (30, 14, 7, 1)


class Lifecycle(StrEnum):
    """Where a connection stands. How the provider does is another matter and not in here."""

    PENDING = "pending"  # somebody began to connect; no consent yet
    ACTIVE = "active"
    EXPIRED = "expired"  # the year or the refresh token ran out: only the customer can mend it
    REVOKED = "revoked"  # access was withdrawn at the provider: only the customer can mend it
    DISCONNECTED = "disconnected"  # the customer chose to leave
    REPLACED = "replaced"  # by another software or organisation


RECONNECTABLE = frozenset({Lifecycle.ACTIVE, Lifecycle.EXPIRED, Lifecycle.REVOKED})


class ExpiryReason(StrEnum):
    """Why only the customer can mend it."""

    CONSENT_LAPSED = "consent_lapsed"
    REFRESH_EXPIRED = "refresh_token_expired"
    ORGANISATION_WITHDRAWN = "organisation_withdrawn"
    GRANT_REVOKED = "grant_revoked"

    @property
    def lifecycle(self) -> Lifecycle:
        """Something that ran out is expired, something that was taken away is revoked."""
        ran_out = self in {ExpiryReason.CONSENT_LAPSED, ExpiryReason.REFRESH_EXPIRED}
        return Lifecycle.EXPIRED if ran_out else Lifecycle.REVOKED


class DetectedBy(StrEnum):
    """Who noticed that a connection no longer works."""

    CLOCK = "clock"
    PUBLISH = "publish"
    SYNC = "sync"
    REFRESH = "refresh"
    PROVIDER_NOTICE = "provider_notice"


@dataclass(frozen=True)
class Organisation:
    """One set of books at a provider, by the provider's own id."""

    id: str
    name: str


@dataclass(frozen=True)
class Settings:
    """How a business wants its connection to behave. A reconnect never touches them."""

    warn_new_supplier: bool = False
    always_ask_organisation: bool = True
    auto_publish: bool = False
    default_destination: str | None = None  # None: as the provider does by itself

    def differences(self, other: "Settings") -> tuple[str, ...]:
        """Names of the settings that differ, in their order of declaration."""
        mine, theirs = asdict(self), asdict(other)
        return tuple(name for name in mine if mine[name] != theirs[name])


class NotReconnectable(DomainError):
    """There is nothing a new consent could mend."""

    def __init__(self, connection_id: str, lifecycle: Lifecycle) -> None:
        self.connection_id, self.lifecycle = connection_id, lifecycle
        super().__init__(f"connection {connection_id} is {lifecycle}: there is nothing to reconnect")


class NotChangeable(DomainError):
    """Only a connection that was established and has not ended can give way to another."""

    def __init__(self, connection_id: str, lifecycle: Lifecycle) -> None:
        self.connection_id, self.lifecycle = connection_id, lifecycle
        super().__init__(f"connection {connection_id} is {lifecycle}: there is nothing to change")


class OrganisationUnchanged(DomainError):
    """A change leads to another software or organisation, not to the same one."""

    def __init__(self, connection_id: str, organisation: Organisation) -> None:
        self.connection_id, self.organisation = connection_id, organisation
        super().__init__(f"connection {connection_id} leads to {organisation.name} already: reconnect it instead")


class NotExpirable(DomainError):
    """Only an active connection can expire."""

    def __init__(self, connection_id: str, lifecycle: Lifecycle) -> None:
        self.connection_id, self.lifecycle = connection_id, lifecycle
        super().__init__(f"connection {connection_id} is {lifecycle}: it cannot expire")


class NotDisconnectable(DomainError):
    """The connection has already ended."""

    def __init__(self, connection_id: str, lifecycle: Lifecycle) -> None:
        self.connection_id, self.lifecycle = connection_id, lifecycle
        super().__init__(f"connection {connection_id} is {lifecycle}: it has already ended")


class OrganisationMismatch(DomainError):
    """The chosen organisation is not the one this connection belongs to."""

    def __init__(self, connection_id: str, expected: Organisation, chosen: Organisation) -> None:
        self.connection_id, self.expected, self.chosen = connection_id, expected, chosen
        super().__init__(f"connection {connection_id} belongs to {expected.name}, not to {chosen.name}")


class SettingNotSupported(DomainError):
    """The provider cannot do what this setting asks for."""

    def __init__(self, name: str, provider: str) -> None:
        self.name, self.provider = name, provider
        super().__init__(f"{provider} does not support {name}")


class SettingsForWebOnly(DomainError):
    """On a phone only the warning about new suppliers is changed."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(f"{' and '.join(names)} can be changed on the web only")


class SettingsChangedMeanwhile(DomainError):
    """Somebody saved these settings after the caller read them."""

    def __init__(self, expected: int, actual: int) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(f"the settings are at version {actual}, not {expected}")


@dataclass(frozen=True)
class SettingsChange:
    """Which settings somebody changed, and when: told to whoever wanted to change them at the same time."""

    names: tuple[str, ...]
    by: str
    at: datetime


@dataclass(frozen=True)
class Connection:
    """One connection as it stands. `revision` is that of the row it was loaded from: a save expects it unchanged."""

    id: str
    business_id: str
    provider: str
    created_at: datetime
    lifecycle: Lifecycle = Lifecycle.PENDING
    generation: int = 0  # counts the consents
    organisation: Organisation | None = None
    scopes: tuple[str, ...] = ()
    connected_at: datetime | None = None  # the latest consent
    consent_expires_at: datetime | None = None
    warned_stage: int | None = None  # days of the latest warning said for this consent
    ended_at: datetime | None = None  # when it stopped working
    expiry_reason: ExpiryReason | None = None
    replaces_connection_id: str | None = None
    replaced_by_connection_id: str | None = None
    settings: Settings = Settings()
    settings_version: int = 1
    revision: int = 0

    def has_lapsed(self, *, now: datetime) -> bool:
        """The year of an active connection's consent is over, whether or not anybody noticed yet."""
        ends = self.consent_expires_at
        return self.lifecycle is Lifecycle.ACTIVE and ends is not None and ends <= now

    @property
    def has_ended(self) -> bool:
        """The customer left, or changed to another: no login can bring it back."""
        return self.lifecycle in {Lifecycle.DISCONNECTED, Lifecycle.REPLACED}

    def was(self, *, now: datetime) -> str:
        """What a reconnect finds: `active`, `expiring` (inside the first warning), or the lifecycle."""
        if self.lifecycle is Lifecycle.ACTIVE and due_stage(self, now=now) is not None:
            return "expiring"
        return self.lifecycle.value

    def downtime(self, *, now: datetime) -> timedelta:
        """How long the connection has not worked; nothing while it works, and by a clock that was put back."""
        return max(now - self.ended_at, timedelta(0)) if self.ended_at is not None else timedelta(0)

    def activate(
        self, organisation: Organisation, *, scopes: tuple[str, ...], now: datetime, consent: timedelta
    ) -> "Connection":
        """The first consent, or a new one for the same organisation; settings stay as they are.

        Raises NotReconnectable when the connection has ended and OrganisationMismatch when it belongs elsewhere.
        """
        if self.lifecycle not in RECONNECTABLE | {Lifecycle.PENDING}:
            raise NotReconnectable(self.id, self.lifecycle)
        if self.organisation is not None and self.organisation.id != organisation.id:
            raise OrganisationMismatch(self.id, self.organisation, organisation)
        return replace(
            self,
            lifecycle=Lifecycle.ACTIVE,
            generation=self.generation + 1,
            organisation=organisation,
            scopes=scopes,
            connected_at=now,
            consent_expires_at=now + consent,
            warned_stage=None,
            ended_at=None,
            expiry_reason=None,
        )

    def expire(self, reason: ExpiryReason, *, now: datetime) -> "Connection":
        """The grant is dead and only the customer can mend it. Raises NotExpirable unless active."""
        if self.lifecycle is not Lifecycle.ACTIVE:
            raise NotExpirable(self.id, self.lifecycle)
        return replace(self, lifecycle=reason.lifecycle, expiry_reason=reason, ended_at=now)

    def disconnect(self, *, now: datetime) -> "Connection":
        """The customer leaves. Raises NotDisconnectable when it has already ended."""
        if self.has_ended:
            raise NotDisconnectable(self.id, self.lifecycle)
        return replace(self, lifecycle=Lifecycle.DISCONNECTED, ended_at=now)

    def successor(
        self, connection_id: str, provider: str, *, supports_supplier_warning: bool, now: datetime
    ) -> "Connection":
        """The connection that may take this one's place, not yet consented to.

        It begins with this one's settings, without a warning that its provider cannot give.
        """
        warns = self.settings.warn_new_supplier and supports_supplier_warning
        return Connection(
            connection_id,
            self.business_id,
            provider,
            created_at=now,
            replaces_connection_id=self.id,
            settings=replace(self.settings, warn_new_supplier=warns),
        )

    def give_way(self, successor: "Connection", organisation: Organisation, *, now: datetime) -> "Connection":
        """The successor leads to this organisation and takes this one's place.

        Raises NotChangeable when the connection has ended and OrganisationUnchanged when it leads there itself.
        """
        if self.lifecycle not in RECONNECTABLE or self.organisation is None:
            raise NotChangeable(self.id, self.lifecycle)
        if (self.provider, self.organisation.id) == (successor.provider, organisation.id):
            raise OrganisationUnchanged(self.id, organisation)
        return replace(self, lifecycle=Lifecycle.REPLACED, ended_at=now, replaced_by_connection_id=successor.id)

    def change_settings(
        self, wanted: Settings, *, expected_version: int, supports_supplier_warning: bool, on_mobile: bool = False
    ) -> "Connection":
        """Take over `wanted`; the version grows only if something differs.

        Raises SettingsChangedMeanwhile, SettingNotSupported and, on mobile, SettingsForWebOnly.
        """
        if expected_version != self.settings_version:
            raise SettingsChangedMeanwhile(expected_version, self.settings_version)
        if wanted.warn_new_supplier and not supports_supplier_warning:
            raise SettingNotSupported("warn_new_supplier", self.provider)
        for_web = tuple(name for name in self.settings.differences(wanted) if name not in MOBILE_SETTINGS)
        if on_mobile and for_web:
            raise SettingsForWebOnly(for_web)
        if wanted == self.settings:
            return self
        return replace(self, settings=wanted, settings_version=self.settings_version + 1)


def due_stage(connection: Connection, *, now: datetime) -> int | None:
    """The latest warning stage (in days) that `now` has reached, said or not; None while the end is far or past."""
    ends = connection.consent_expires_at
    if ends is None or ends <= now:
        return None
    return min((days for days in WARNING_STAGES_DAYS if ends - timedelta(days=days) <= now), default=None)


def warn(connection: Connection, *, now: datetime) -> Connection:
    """Mark the latest stage as said. A connection seen late skips the stages it slept through."""
    stage = due_stage(connection, now=now)
    already = connection.warned_stage
    if stage is None or (already is not None and already <= stage):
        return connection
    return replace(connection, warned_stage=stage)


def watch_at(connection: Connection) -> datetime | None:
    """When the yearly clock has something to say next; None when it has nothing to say ever."""
    ends = connection.consent_expires_at
    if connection.lifecycle is not Lifecycle.ACTIVE or ends is None:
        return None
    said = connection.warned_stage
    left = [days for days in WARNING_STAGES_DAYS if said is None or days < said]
    return ends - timedelta(days=max(left)) if left else ends


def why_expired(
    connection: Connection, *, refresh_expires_at: datetime | None, organisation_gone: bool, now: datetime
) -> ExpiryReason:
    """Name the cause of a dead grant: the calendar before the token's own end, both before what somebody did."""
    if connection.has_lapsed(now=now):
        return ExpiryReason.CONSENT_LAPSED
    if refresh_expires_at is not None and refresh_expires_at <= now:
        return ExpiryReason.REFRESH_EXPIRED
    return ExpiryReason.ORGANISATION_WITHDRAWN if organisation_gone else ExpiryReason.GRANT_REVOKED
