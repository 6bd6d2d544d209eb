"""What every accounting software can do for us."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from providers.errors import ProviderError
from providers.models import (
    Access,
    Bill,
    CallbackParams,
    Document,
    Grant,
    ListName,
    Organisation,
    Published,
    Reading,
)


class Rotation(Enum):
    """When a refresh brings another refresh token than the one that was sent."""

    ALWAYS = auto()
    NOW_AND_THEN = auto()


class NamedBy(Enum):
    """Who says which organisation a login was for."""

    LIST = auto()
    """The provider's own list of what the login may reach, which may hold several, or none."""
    CALLBACK = auto()
    """A parameter of the callback; the tokens of a refresh no longer tell."""
    TOKEN = auto()
    """The token itself, which opens one organisation and no other."""


class Revocation(Enum):
    """What giving a grant back does."""

    AT_ONCE = auto()
    WHEN_THE_ACCESS_TOKEN_DIES = auto()
    """Nothing can be refreshed any more; an access token that is out lives on for its minutes."""
    NOT_OFFERED = auto()
    """Only the customer can end it, in the provider's own pages."""


@dataclass(frozen=True)
class CallLimits:
    """What the provider allows one application per organisation. `windows` are calls and the time they are for."""

    at_once: int | None
    windows: tuple[tuple[int, timedelta], ...]


@dataclass(frozen=True)
class ProviderFacts:
    """What differs between providers and is known before any call. Sources are in each adapter's README."""

    display_name: str
    lists: tuple[ListName, ...]
    incremental_lists: frozenset[ListName]
    """Lists that can be asked for what changed since a time; the others always come whole."""
    supports_supplier_warning: bool
    mobile: bool
    """Whether it can be connected and reconnected on the pages for a phone; on a desk's always."""
    scopes: tuple[str, ...]
    """What a login asks for; empty where the person's own rights decide."""
    named_by: NamedBy
    access_lifetime: timedelta
    access_margin: timedelta
    """An access token with less than this left is replaced before it is used."""
    rotation: Rotation
    refresh_grace: timedelta
    """How long a refresh token still works after its successor was issued."""
    idle_limit: timedelta
    """How long a refresh token lives unused."""
    revocation: Revocation
    disconnect_seen_as: type[ProviderError]
    """What shows that the customer disconnected us over there: `GrantRefused` or `OrganisationGone`."""
    limits: CallLimits
    longest_processing: timedelta
    """A request that was sent has had its effect after this time, or never will."""

    def processing_within(self, seconds: float | None) -> "ProviderFacts":
        """The same facts with another figure for `longest_processing`; None leaves them as they are."""
        return self if seconds is None else replace(self, longest_processing=timedelta(seconds=seconds))


class ListNotOffered(LookupError):
    """Somebody asked for a list that is not in the provider's facts."""

    def __init__(self, list_name: ListName) -> None:
        self.list_name = list_name
        super().__init__(f"there is no list of {list_name} here")


class Provider(Protocol):
    """One accounting software.

    Every method that calls the provider may raise `Throttled` and `ProviderUnavailable`; those that bring an access
    token also `TokenRejected`, `OrganisationGone` and `Refused`. Only `create_bill`, `attach` and `ensure_supplier`
    raise `OutcomeUnknown`. Nothing is repeated in here: whoever calls knows whether it may wait.
    """

    @property
    def name(self) -> str: ...

    @property
    def facts(self) -> ProviderFacts: ...

    def authorise_url(self, state: str, code_challenge: str, redirect_uri: str, login_hint: str | None = None) -> str:
        """Where the customer's browser goes to log in. `code_challenge` is the S256 form of the attempt's verifier."""
        ...

    async def exchange(
        self, code: str, verifier: str, redirect_uri: str, callback_params: CallbackParams, now: datetime
    ) -> Grant:
        """Turn a login's code into a grant. Raises `GrantRefused`.

        The code is spent, whatever becomes of the answer.
        """
        ...

    async def refresh(self, refresh_token: str, now: datetime) -> Grant:
        """A new grant for an old one's refresh token. Store what comes back before using it. Raises `GrantRefused`.

        After `ProviderUnavailable` the provider may have rotated the token all the same.
        """
        ...

    async def organisations(self, grant: Grant) -> list[Organisation]:
        """The organisations the customer chose in the login that gave this grant."""
        ...

    async def revoke(self, grant: Grant) -> None:
        """Give our access back, as far as the facts' `revocation` goes: where none is offered, nothing is asked.

        Done already counts as done.
        """
        ...

    async def read_list(self, access: Access, list_name: ListName, modified_since: datetime | None) -> Reading:
        """One list to its end; what changed since `modified_since`, where the facts say the list can tell.

        Not a snapshot: an entry that changes while pages are read may be missed until the next reading.
        """
        ...

    async def ensure_supplier(self, access: Access, name: str, key: str) -> str:
        """The external id of the supplier of exactly this name, created if there is none. Safe to repeat."""
        ...

    async def create_bill(self, access: Access, bill: Bill, key: str, deadline: float) -> Published:
        """Write the bill once. `key` is repeated only with the same bill; `deadline` is on `time.monotonic()`.

        Past the deadline nothing is sent: `ProviderUnavailable("deadline_passed")`. A bill without `supplier_id` is
        refused as `supplier_missing`. Two calls with the same reference and different keys may write two bills.
        """
        ...

    async def find_bill(self, access: Access, bill: Bill) -> Published | None:
        """The bill at the provider that carries our reference, or None.

        None proves that nothing was written only once `longest_processing` has passed since the write's deadline.
        """
        ...

    async def attach(self, access: Access, published: Published, document: Document) -> None:
        """Put the file on the bill unless it is there already (the same name and size). Safe to repeat."""
        ...


Providers = Mapping[str, Provider]
