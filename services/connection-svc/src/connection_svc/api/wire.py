"""What requests and answers look like."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from connection_svc.domain.attempt import Intent
from connection_svc.domain.call_budget import CallClass, Permits
from connection_svc.domain.connection import Connection
from connection_svc.domain.connection import Settings as DomainSettings
from connection_svc.domain.grant import AccessAnswer, Checking, Over, Usable

Id = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
"""An id as we give them. Anything else is refused before the database is asked."""

Destination = Literal["draft", "awaiting_approval", "awaiting_payment"]


class _Body(BaseModel):
    """A request: an unknown field is refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(_Body):
    """How a business wants its connection to behave."""

    warn_new_supplier: bool
    always_ask_organisation: bool
    auto_publish: bool
    default_destination: Destination | None

    @classmethod
    def of(cls, connection: Connection) -> "Settings":
        """The settings as they are."""
        return cls.model_validate(connection.settings, from_attributes=True)

    def wanted(self) -> DomainSettings:
        """The settings as somebody wants them."""
        return DomainSettings(**self.model_dump())


class ConnectionView(BaseModel):
    """A connection as it is now. Organisation and dates are there once the first login is finished."""

    connection_id: str
    provider: str
    lifecycle: str
    generation: int
    organisation_id: str | None
    organisation_name: str | None
    connected_at: datetime | None
    consent_expires_at: datetime | None
    ended_at: datetime | None
    reason: str | None = Field(description="why it expired or was revoked")
    scopes: tuple[str, ...]
    replaces_connection_id: str | None
    replaced_by_connection_id: str | None
    settings: Settings
    settings_version: int
    created_at: datetime

    @classmethod
    def of(cls, connection: Connection) -> "ConnectionView":
        """The answer for a connection."""
        organisation = connection.organisation
        return cls(
            connection_id=connection.id,
            provider=connection.provider,
            lifecycle=connection.lifecycle,
            generation=connection.generation,
            organisation_id=organisation.id if organisation else None,
            organisation_name=organisation.name if organisation else None,
            connected_at=connection.connected_at,
            consent_expires_at=connection.consent_expires_at,
            ended_at=connection.ended_at,
            reason=connection.expiry_reason,
            scopes=connection.scopes,
            replaces_connection_id=connection.replaces_connection_id,
            replaced_by_connection_id=connection.replaced_by_connection_id,
            settings=Settings.of(connection),
            settings_version=connection.settings_version,
            created_at=connection.created_at,
        )


class ConnectionPage(BaseModel):
    """Some connections, and the cursor of the next ones."""

    items: list[ConnectionView]
    next: str | None


class HistoryEntry(BaseModel):
    """One line of a connection's timeline."""

    at: datetime
    what: str
    by: str
    detail: str | None


class HistoryPage(BaseModel):
    """Some lines, the latest first, and the cursor of the earlier ones."""

    items: list[HistoryEntry]
    next: str | None


class Explanation(BaseModel):
    """Why a connection is as it is, and what happens or is to be done next."""

    why: str
    next: str | None


class ProviderView(BaseModel):
    """What a provider can do."""

    provider: str
    display_name: str
    lists: list[str]
    kinds: list[str] = Field(description="what can be published there")
    supports_supplier_warning: bool
    mobile: bool
    paused: bool = Field(description="nobody is sent to its login for now; what is connected goes on working")
    revocation: Literal["at_once", "when_the_access_token_dies", "not_offered"]


class ProviderPage(BaseModel):
    """All providers: there are few."""

    items: list[ProviderView]
    next: None = None


class DisconnectedView(ConnectionView):
    """A connection that has just ended, and whether the provider has taken our access back.

    `access`: `not_yet` is tried again in the background; `not_possible` leaves it to the customer.
    """

    revoked_at_provider: bool
    access: Literal["given_back", "not_yet", "not_possible"]


class Disconnect(_Body):
    """Whether what was read from the provider is kept."""

    keep_lists: bool


class _AskingBrowser(_Body):
    """`browser_binding`: SHA-256 in hex of the cookie `relink_binding` that the asking browser was given for `/oauth`.

    It must be a secret that no other browser can know or be given. Only a browser that brings it may leave.
    """

    browser_binding: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

    @property
    def binding_hash(self) -> bytes:
        return bytes.fromhex(self.browser_binding)


class NewAttempt(_AskingBrowser):
    """Somebody wants to go to a provider's login.

    `connection_id` is what is reconnected, changed, or connected at last; without it a connect begins a new one.
    `provider` of a change is the new software. `take_over`: end the journey that somebody else has begun there.
    """

    provider: str
    intent: Intent
    connection_id: Id | None = None
    channel: Literal["web", "mobile"]
    return_to: Annotated[str, Field(max_length=2000)]
    take_over: bool = False


class StartedAttempt(BaseModel):
    """Where the browser goes now. Only the one that asked gets from there to the provider."""

    attempt_id: str
    connection_id: str
    start_url: str
    expires_at: datetime


class Offered(BaseModel):
    """An organisation that the login granted. One that is taken cannot be chosen; `taken_by` says by whom.

    `owner_masked`: what may be told of another business: the end of its id.
    """

    id: str
    name: str
    country: str | None
    currency: str | None
    expected: bool
    taken: bool
    taken_by: Literal["this_connection", "this_business", "another_business"] | None
    owner_masked: str | None


class AttemptView(BaseModel):
    """How far a journey got. `ask`: somebody has to choose the organisation.

    `connection_id` is what is connected, reconnected or changed; `new_connection_id` what took its place.
    `missing_permissions`: what the login did not grant, in our words, where the problem is `scope_missing`.
    """

    attempt_id: str
    connection_id: str
    new_connection_id: str | None
    provider: str
    intent: str
    channel: str
    state: str
    organisations: list[Offered]
    ask: bool
    problem: str | None
    missing_permissions: tuple[str, ...]
    started_by: str
    started_at: datetime
    expires_at: datetime


class AttemptPage(BaseModel):
    """The journeys that are under way: there is one, or none."""

    items: list[AttemptView]
    next: None = None


class ChosenOrganisation(_Body):
    """The organisation that somebody confirmed.

    `switch`: a reconnect that came back with another organisation becomes a change to that one.
    """

    organisation_id: Annotated[str, Field(max_length=200)]
    switch: bool = False


class AccessRequest(_Body):
    """What the token is for: a person waits (click), items wait (publish), lists are read (sync).

    `permits`: how many calls of the organisation's budget to lease with it; fewer may come.
    """

    class_: Annotated[CallClass, Field(alias="class")]
    permits: Annotated[int, Field(ge=0, le=50)] = 0


class ThrottledCall(_Body):
    """The provider answered 429 and wants no call for so long."""

    retry_after_seconds: Annotated[float, Field(ge=0, le=86_400)]


class RejectedToken(_Body):
    """The provider did not take a token: its SHA-256 in hex, and what the provider said, for the log."""

    access_token_fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    problem: Annotated[str, Field(max_length=500)]


class LeasedPermits(BaseModel):
    """`calls` may be sent from `starts_in_seconds` on for `valid_seconds`; with 0 calls: ask again then."""

    calls: int
    starts_in_seconds: float
    valid_seconds: float


class UsableAnswer(BaseModel):
    """A token that works as far as is known, and the permits that were asked for with it."""

    status: Literal["usable"] = "usable"
    access_token: str
    expires_at: datetime
    organisation_id: str
    provider: str
    generation: int
    permits: LeasedPermits | None = None


class ExpiredAnswer(BaseModel):
    """Only the customer can mend it; or the connection has ended, then the reason is its lifecycle."""

    status: Literal["expired"] = "expired"
    reason: str


class CheckingAnswer(BaseModel):
    """Nobody knows yet: hold, and ask again then."""

    status: Literal["checking"] = "checking"
    retry_after_seconds: float


def leased(permits: Permits) -> LeasedPermits:
    """Permits as the caller gets them."""
    return LeasedPermits(
        calls=permits.calls,
        starts_in_seconds=permits.starts_in.total_seconds(),
        valid_seconds=permits.valid_for.total_seconds(),
    )


def access_answer(answer: AccessAnswer) -> UsableAnswer | ExpiredAnswer | CheckingAnswer:
    """The answer of both access-token endpoints."""
    match answer:
        case Usable():
            return UsableAnswer(
                access_token=answer.access_token,
                expires_at=answer.expires_at,
                organisation_id=answer.organisation_id,
                provider=answer.provider,
                generation=answer.generation,
            )
        case Over():
            return ExpiredAnswer(reason=answer.reason)
        case Checking():
            return CheckingAnswer(retry_after_seconds=answer.retry_after.total_seconds())


class Asked(BaseModel):
    """Who was asked to reconnect, and when: perhaps a while ago, then they were not told again."""

    asked_at: datetime
    recipient_user_ids: tuple[str, ...]


class Snooze(_Body):
    """No reminder before `until`, and one then."""

    until: AwareDatetime


class Snoozed(BaseModel):
    """When the next reminder comes."""

    until: datetime


class LinkLifetime(_Body):
    """How long a link is to work: half an hour to seven days."""

    ttl_seconds: Annotated[int, Field(ge=1_800, le=604_800)]

    @property
    def lifetime(self) -> timedelta:
        return timedelta(seconds=self.ttl_seconds)


class WantedLink(LinkLifetime):
    """A link for somebody else: to hand over, or sent by us to somebody of the business."""

    send_to_user_id: Id | None = None


class AskedLink(LinkLifetime):
    """A link for somebody whom `asked_by` asked to reconnect."""

    asked_by: Id


class NewLink(BaseModel):
    """A reconnect link. The address is a secret: it is told here and nowhere else."""

    url: str
    expires_at: datetime


class SentLink(BaseModel):
    """The link is made when its mail is written, and is in that mail only. It works for as long as was wanted."""

    sent_to_user_id: str


class LinkLogin(BaseModel):
    """How far the login got that a link was used for."""

    attempt_id: str
    state: str
    problem: str | None
    missing_permissions: tuple[str, ...]


class LinkView(BaseModel):
    """What a link leads to, as a stranger may see it. `asked_by`: the user who gave it; null when we did ourselves.

    `paused`: an operator lets nobody go to the provider's login for now.
    """

    business_id: str
    connection_id: str
    provider: str
    provider_name: str
    organisation_masked: str
    asked_by: str | None
    state: Literal["valid", "used", "expired", "repaired", "ended"]
    paused: bool
    login: LinkLogin | None


class AskedForLink(BaseModel):
    """When those who may reconnect were asked for a new link: now, or a while ago, then they were not told again."""

    asked_at: datetime


class ConsumeLink(_AskingBrowser):
    """Somebody pressed the button on a link's page."""


class ConsumedLink(BaseModel):
    """Where the browser goes now. Only the one that asked gets from there to the provider."""

    start_url: str
