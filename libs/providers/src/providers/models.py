"""What passes between us and any accounting software. Times are UTC, money is `Decimal`."""

import datetime as dt
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

CallbackParams = Mapping[str, str]
NO_PARAMS: CallbackParams = MappingProxyType({})

NOT_KEPT = re.compile("[\0\ud800-\udfff]")
"""What no database keeps of a text: nulls, and halves of characters."""


def is_sendable(value: object) -> bool:
    """Whether it is a token or an id: visible ASCII, since it goes back in a header."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def is_text(value: object) -> bool:
    """Whether it is a text that can be kept."""
    return isinstance(value, str) and not NOT_KEPT.search(value)


class ListName(StrEnum):
    """The lists a provider may have; which ones it has is in its facts."""

    ACCOUNTS = "accounts"
    TAX_RATES = "tax_rates"
    SUPPLIERS = "suppliers"
    CUSTOMERS = "customers"
    ITEMS = "items"
    TRACKING = "tracking"
    PROJECTS = "projects"
    BANK_ACCOUNTS = "bank_accounts"
    PAYMENT_METHODS = "payment_methods"
    ORGANISATION = "organisation"


class Permission(StrEnum):
    """What we need a customer to allow, in our words: providers cut their scopes differently."""

    BILLS = "bills"
    CONTACTS = "contacts"
    LISTS = "lists"
    """Categories, tax rates and whatever else belongs to the organisation as such."""
    ATTACHMENTS = "attachments"
    OFFLINE = "offline"
    """To work while nobody is logged in."""
    ACCOUNTING = "accounting"
    """All of it, where the provider gives it in one piece."""


class Destination(StrEnum):
    """How far a bill goes by itself. A provider without drafts posts every bill at once."""

    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    AWAITING_PAYMENT = "awaiting_payment"


@dataclass(frozen=True)
class Grant:
    """What a customer's login gave us. The tokens are secrets and are left out of `repr`.

    `refresh_expires_at` is when the refresh token dies if it is not used; None where the provider does not say.
    `organisation_hint` is the organisation the callback named (QuickBooks' realmId), `authorisation_event` the login
    as the provider names it (Xero's authentication_event_id).
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_expires_at: dt.datetime
    refresh_expires_at: dt.datetime | None
    scopes: tuple[str, ...]
    organisation_hint: str | None = None
    authorisation_event: str | None = None


@dataclass(frozen=True)
class Organisation:
    """One set of books. `country` (ISO 3166 alpha-2) and `currency` (ISO 4217) are None where unsaid.

    Raises TypeError for an id that cannot be sent and for what cannot be kept: adapters make one in `well_formed`.
    """

    id: str
    name: str
    country: str | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        said = (one for one in (self.name, self.country, self.currency) if one is not None)
        if not is_sendable(self.id) or not all(is_text(one) for one in said):
            raise TypeError("not an organisation")


Permit = Callable[[], Awaitable[None]]
"""Waits until one more call fits into what the provider allows. Raises Throttled."""


async def unlimited() -> None:
    """The permit of whoever counts his calls elsewhere, or not at all."""


@dataclass(frozen=True)
class Access:
    """All that a call needs: whose books, the right to open them, and `permit`, which is awaited before each call."""

    access_token: str = field(repr=False)
    organisation_id: str
    permit: Permit = field(default=unlimited, repr=False, compare=False)


@dataclass(frozen=True)
class Entry:
    """One line of a list, as the provider has it now.

    `external_id` is unique within its list, free of slashes, and what a bill names to use the entry.
    `valid_tax_rates` holds external ids of tax rates; None means that the provider does not restrict them.
    `email` and `tax_number` are personal: they leave a service only as keyed hashes.
    """

    list: ListName
    external_id: str
    name: str
    parent_id: str | None = None
    code: str | None = None
    type: str | None = None
    tax_treatment: str | None = None
    valid_tax_rates: tuple[str, ...] | None = None
    email: str | None = field(default=None, repr=False)
    tax_number: str | None = field(default=None, repr=False)
    active: bool = True


@dataclass
class Cost:
    """What reading has cost so far."""

    calls: int = 0
    bytes_received: int = 0

    def add(self, bytes_received: int) -> None:
        self.calls += 1
        self.bytes_received += bytes_received


@dataclass(frozen=True)
class Reading:
    """One list, read to its end, and what that cost.

    `is_full` tells whether entries that are not here are gone, or only unchanged since the time asked for.
    """

    entries: tuple[Entry, ...]
    is_full: bool
    cost: Cost


@dataclass(frozen=True)
class Line:
    """One line of a bill. `amount` is without tax."""

    description: str
    amount: Decimal
    account_id: str
    tax_rate_id: str | None = None


@dataclass(frozen=True)
class Bill:
    """A supplier's bill.

    `reference` is ours (`itm_…/1`: item and publication number) and is written into the document.
    """

    reference: str
    supplier_id: str | None
    supplier_name: str
    number: str
    date: dt.date
    due_date: dt.date | None
    currency: str
    lines: tuple[Line, ...]
    destination: Destination = Destination.DRAFT


@dataclass(frozen=True)
class Document:
    """The file behind a bill."""

    file_name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Published:
    """A bill as it lies at the provider. `url` opens it there, for a person who may."""

    provider_reference: str
    url: str | None = None
