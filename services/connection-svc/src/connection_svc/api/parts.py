"""What the routes stand on, put together in `main`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chassis.clock import Clock
from chassis.database import Database
from chassis.service_tokens import Gate
from connection_svc.api.confirm import Confirmations
from connection_svc.domain.access_return import Outcome
from connection_svc.domain.call_budget import CallClass, Permits
from connection_svc.domain.connection import Connection, DetectedBy
from connection_svc.domain.grant import AccessAnswer
from connection_svc.store.sealing import Vault
from providers import Providers


class AccessTokens(Protocol):
    """Where access tokens come from. Both raise UnknownConnection."""

    async def access(self, business_id: str, connection_id: str, *, asked_by: DetectedBy) -> AccessAnswer:
        """A token that works, as far as is known."""
        ...

    async def rejected(
        self, business_id: str, connection_id: str, *, fingerprint: str, asked_by: DetectedBy
    ) -> AccessAnswer:
        """What to do after the provider refused the token with this fingerprint."""
        ...


class CallBudgets(Protocol):
    """Where permits to call come from: one budget for each organisation at a provider."""

    async def lease(self, provider: str, organisation_id: str, *, calls: int, wanted_for: CallClass) -> Permits:
        """Up to so many calls, or none and when to ask again."""
        ...

    async def pause(self, business_id: str, connection_id: str, *, wanted: timedelta) -> None:
        """Nobody calls for so long. Raises UnknownConnection."""
        ...


class AccessReturner(Protocol):
    """What asks providers to take our access back."""

    async def give_back(self, connection: Connection) -> Outcome:
        """Within ten seconds, whatever the provider does."""
        ...


@dataclass(frozen=True)
class Addresses:
    """Where browsers reach us (`public_url`) and the web pages (`web_url`), both without a slash at the end."""

    public_url: str
    web_url: str

    def start(self, attempt_id: str) -> str:
        """Leaves for the provider."""
        return f"{self.public_url}/oauth/start/{attempt_id}"

    def callback(self, provider: str) -> str:
        """The exact redirect address that the provider knows; one for each, so that none can answer for another."""
        return f"{self.public_url}/oauth/callback/{provider}"

    def problem(self, code: str) -> str:
        """The page that says where to start again when it is not known where somebody came from."""
        return f"{self.web_url}/connect/problem?code={code}"

    def link(self, secret: str) -> str:
        """The page behind a reconnect link."""
        return f"{self.web_url}/r/{secret}"

    @property
    def link_back(self) -> str:
        """The page for a browser that left through a link. It says nothing of the link, whose secret nobody keeps."""
        return f"{self.web_url}/r/back"


@dataclass(frozen=True)
class Parts:
    """Everything a router may need.

    `issuers`: how a provider names itself in its callback, where it does. `paused`: providers to whose logins an
    operator lets nobody go for now.
    """

    database: Database
    gate: Gate
    clock: Clock
    vault: Vault
    providers: Providers
    tokens: AccessTokens
    budgets: CallBudgets
    access_returner: AccessReturner
    confirmations: Confirmations
    addresses: Addresses
    issuers: dict[str, str]
    paused: Collection[str]

    def now(self) -> datetime:
        """The domain's time."""
        return self.clock.now()
