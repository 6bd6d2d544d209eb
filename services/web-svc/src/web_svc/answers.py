"""What the other services answer, as far as a page shows it. Tolerant: fields that nobody shows here are ignored."""

from datetime import date as Date  # noqa: N812 - an item has a field of that name
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ConnectionSettings(Answer):
    warn_new_supplier: bool = False
    always_ask_organisation: bool = False
    auto_publish: bool = False
    default_destination: str | None = None


class Connection(Answer):
    """One connection as it is now. An organisation and the dates are there once the first login is finished."""

    connection_id: str
    provider: str
    lifecycle: str
    organisation_id: str | None = None
    organisation_name: str | None = None
    connected_at: datetime | None = None
    consent_expires_at: datetime | None = None
    ended_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    generation: int = 0
    replaces_connection_id: str | None = None
    replaced_by_connection_id: str | None = None
    settings: ConnectionSettings = ConnectionSettings()


class TimelineEntry(Answer):
    """One thing that happened to a connection or an item."""

    at: datetime
    what: str
    by: str | None = None
    detail: str | None = None


class TimelinePage(Answer):
    items: tuple[TimelineEntry, ...]
    next: str | None = None


class Explanation(Answer):
    """Why a connection stands as it does and what to do next, in the service's own words."""

    why: str
    next: str | None = None


class Provider(Answer):
    provider: str
    display_name: str
    supports_supplier_warning: bool = False
    mobile: bool = False
    paused: bool = False
    """Nobody is sent to its login for now; what is connected goes on working."""


class StartedAttempt(Answer):
    attempt_id: str
    start_url: str
    expires_at: datetime


class OfferedOrganisation(Answer):
    id: str
    name: str
    country: str | None = None
    currency: str | None = None
    expected: bool = False
    taken: bool = False
    taken_by: str | None = None
    owner_masked: str | None = None


class Attempt(Answer):
    """One journey to the provider's login: `state` says how far it got, `problem` why it did not arrive.

    `connection_id` is what is connected, reconnected or changed, `new_connection_id` what took its place. Who began it
    is not known where the `channel` is `link`.
    """

    attempt_id: str
    state: str
    provider: str
    intent: str
    channel: str
    connection_id: str
    new_connection_id: str | None = None
    organisations: tuple[OfferedOrganisation, ...] = ()
    problem: str | None = None
    missing_permissions: tuple[str, ...] = ()
    started_by: str
    started_at: datetime
    expires_at: datetime


class Asked(Answer):
    """Who was asked to reconnect, and when: perhaps a while ago, then they were not told again."""

    asked_at: datetime
    recipient_user_ids: tuple[str, ...]


class NewLink(Answer):
    """A reconnect link to hand over."""

    url: str
    expires_at: datetime


class LinkLogin(Answer):
    """How far the login got that a reconnect link was used for."""

    attempt_id: str
    state: str
    problem: str | None = None
    missing_permissions: tuple[str, ...] = ()


class ReconnectLink(Answer):
    """What a reconnect link leads to, as a stranger may see it. `asked_by`: who gave it; None when we did."""

    state: str
    business_id: str
    connection_id: str
    provider_name: str
    organisation_masked: str
    asked_by: str | None = None
    paused: bool = False
    login: LinkLogin | None = None


class RuleCoding(Answer):
    connection_id: str


class Rule(Answer):
    coding: RuleCoding
    state: str


class SyncRun(Answer):
    """`code` says why it failed."""

    code: str | None = None


class SyncStatus(Answer):
    """How fresh a connection's lists are."""

    completed_at: datetime | None = None
    next_due_at: datetime | None = None
    open_sync_id: str | None = None
    latest_run: SyncRun | None = None

    @property
    def is_running(self) -> bool:
        return self.open_sync_id is not None

    @property
    def has_failed(self) -> bool:
        return self.latest_run is not None and self.latest_run.code is not None and not self.is_running

    def is_newer_than(self, moment: datetime | None) -> bool:
        """Whether the lists came after this moment."""
        return self.completed_at is not None and (moment is None or self.completed_at >= moment)


class Money(Answer):
    amount: Decimal
    currency: str


class Supplier(Answer):
    id: str | None = None
    name: str


class Line(Answer):
    description: str
    amount: Money
    account_id: str | None = None
    tax_rate_id: str | None = None


class Document(Answer):
    file_name: str
    content_type: str


class Item(Answer):
    item_id: str
    connection_id: str
    status: str
    reason: str | None = None
    provider_message: str | None = None
    provider_reference: str | None = None
    provider_url: str | None = None
    supplier: Supplier
    number: str | None = None
    date: Date
    due_date: Date | None = None
    currency: str | None = None
    total: Money | None = None
    lines: tuple[Line, ...] = ()
    document: Document | None = None

    @property
    def supplier_name(self) -> str:
        return self.supplier.name


class ItemPage(Answer):
    items: tuple[Item, ...]
    next: str | None = None


class Release(Answer):
    """The held items of a connection going out: how many there were, and what became of them so far."""

    total: int
    published: int
    failed: int
    started_at: datetime


class Held(Answer):
    """What waits for a connection, and the release that is running or ran last."""

    waiting: int
    release: Release | None = None


class Person(Answer):
    """Somebody of the identity system. The address is None when the person could not be looked up."""

    name: str
    email: str | None = None
