"""Values that are valid by default, and a provider that does as it is told."""

import asyncio
import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from chassis.database import Tx
from connection_svc.domain.attempt import Attempt, Channel, Intent
from connection_svc.domain.connection import Connection, ExpiryReason, Lifecycle, Organisation
from connection_svc.domain.grant import Grant, Tokens, idle_refresh_at
from connection_svc.domain.reconnect import ReconnectCase
from connection_svc.store import connections, grants
from connection_svc.store.sealing import Vault
from providers.errors import GrantRefused
from providers.interface import ProviderFacts
from providers.models import CallbackParams
from providers.models import Grant as ProviderGrant
from providers.models import Organisation as ProviderOrganisation
from providers.xero.adapter import FACTS as XERO
from relink_contracts.ids import new_id

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
BUSINESS = "biz_demo"
DEMO = Organisation("org-demo", "Demo Trading Ltd")
OTHER = Organisation("org-other", "Other Org Ltd")
KEY = bytes(range(32))
BINDING = "what-only-the-asking-browser-has"
BINDING_HASH = hashlib.sha256(BINDING.encode())

VAULT = Vault({"k1": KEY}, current="k1")

FACTS = replace(XERO, lists=(), incremental_lists=frozenset())


def a_pending_connection(**changes: Any) -> Connection:
    return replace(Connection(new_id("con"), BUSINESS, "xero", created_at=NOON), **changes)


def a_connection(**changes: Any) -> Connection:
    """One that works since noon."""
    working = a_pending_connection(
        lifecycle=Lifecycle.ACTIVE,
        generation=1,
        organisation=DEMO,
        scopes=("accounting",),
        connected_at=NOON,
        consent_expires_at=NOON + YEAR,
    )
    return replace(working, **changes)


def an_expired_connection(**changes: Any) -> Connection:
    expired = a_connection(lifecycle=Lifecycle.EXPIRED, expiry_reason=ExpiryReason.CONSENT_LAPSED, ended_at=NOON + YEAR)
    return replace(expired, **changes)


def some_tokens(**changes: Any) -> Tokens:
    tokens = Tokens(
        access_token="access-1",
        refresh_token="refresh-1",
        access_expires_at=NOON + timedelta(minutes=30),
        refresh_expires_at=NOON + timedelta(days=60),
        scopes=("accounting",),
        authorisation_event="login-1",
        obtained_at=NOON,
        idle_refresh_at=idle_refresh_at(NOON, idle_limit=FACTS.idle_limit),
    )
    return replace(tokens, **changes)


def a_grant(**changes: Any) -> Grant:
    return replace(Grant("con_1", BUSINESS, version=1, tokens=some_tokens()), **changes)


def an_attempt(**changes: Any) -> Attempt:
    attempt = Attempt(
        id=new_id("att"),
        business_id=BUSINESS,
        connection_id="con_1",
        provider="xero",
        intent=Intent.CONNECT,
        channel=Channel.WEB,
        return_to="https://relink.example/b/biz_demo/settings/connections/new/organisation",
        started_by="usr_anna",
        binding_hash=BINDING_HASH.digest(),
        created_at=NOON,
        expires_at=NOON + timedelta(minutes=30),
    )
    return replace(attempt, **changes)


def a_case(connection: Connection, **changes: Any) -> ReconnectCase:
    case = ReconnectCase(
        new_id("rec"),
        connection.business_id,
        connection.id,
        connection.generation,
        ExpiryReason.CONSENT_LAPSED,
        opened_at=NOON + YEAR,
    )
    return replace(case, **changes)


async def stored(tx: Tx, connection: Connection, tokens: Tokens | None = None) -> Connection:
    """The connection in the database, with tokens if there are any, as it is read again."""
    await connections.add(tx, replace(connection, lifecycle=Lifecycle.PENDING), by="usr_anna")
    await connections.save(tx, replace(connection, revision=1))
    if tokens is not None:
        await grants.put(tx, VAULT, connection, tokens)
    return await connections.get(tx, connection.business_id, connection.id)


class Died(BaseException):
    """The process ended here: nothing after this line ran."""


@dataclass
class FakeProvider:
    """A provider whose next answers are set by the test, and which keeps what it was asked.

    It rotates its refresh token with every refresh. A spent token is refused, unless there is `grace`.
    """

    name: str = "xero"
    facts: ProviderFacts = FACTS
    granted: list[ProviderOrganisation] = field(
        default_factory=lambda: [ProviderOrganisation(DEMO.id, DEMO.name), ProviderOrganisation(OTHER.id, OTHER.name)]
    )
    living: str = "refresh-1"
    grace: bool = False
    slow: float = 0.0
    """Seconds before each answer."""
    errors: list[BaseException] = field(default_factory=list)
    """Raised in place of the next answers, one each."""
    errors_after_rotation: list[BaseException] = field(default_factory=list)
    """Raised after the next rotations: the provider has done it, we do not hear of it."""
    refreshed: list[str] = field(default_factory=list)
    exchanged: list[tuple[str, str, str]] = field(default_factory=list)
    asked_for_organisations: list[ProviderGrant] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)

    def authorise_url(self, state: str, code_challenge: str, redirect_uri: str, login_hint: str | None = None) -> str:
        query = {"state": state, "code_challenge": code_challenge, "redirect_uri": redirect_uri}
        return f"https://provider.example/login?{urlencode(query)}"

    async def exchange(
        self, code: str, verifier: str, redirect_uri: str, callback_params: CallbackParams, now: datetime
    ) -> ProviderGrant:
        self.exchanged.append((code, verifier, redirect_uri))
        await self._answer()
        self.living = f"refresh-of-{code}"
        return self._grant(f"access-of-{code}", now)

    async def refresh(self, refresh_token: str, now: datetime) -> ProviderGrant:
        self.refreshed.append(refresh_token)
        await self._answer()
        if refresh_token != self.living and not self.grace:
            raise GrantRefused("grant_revoked")
        number = len(self.refreshed) + 1
        self.living = f"refresh-{number}"
        if self.errors_after_rotation:
            raise self.errors_after_rotation.pop(0)
        return self._grant(f"access-{number}", now)

    async def organisations(self, grant: ProviderGrant) -> list[ProviderOrganisation]:
        self.asked_for_organisations.append(grant)
        await self._answer()
        return self.granted

    async def revoke(self, grant: ProviderGrant) -> None:
        await self._answer()
        self.revoked.append(grant.refresh_token)

    async def _answer(self) -> None:
        await asyncio.sleep(self.slow)
        if self.errors:
            raise self.errors.pop(0)

    def _grant(self, access_token: str, now: datetime) -> ProviderGrant:
        return ProviderGrant(
            access_token=access_token,
            refresh_token=self.living,
            access_expires_at=now + timedelta(minutes=30),
            refresh_expires_at=None,
            scopes=("accounting",),
            authorisation_event="login-1",
        )


async def said(tx: Tx) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of the events that wait in the outbox, in order: `connection.expired` and so on."""
    rows = await tx.fetch("SELECT type, payload FROM outbox ORDER BY id")
    return [(row["type"].removeprefix("relink.").removesuffix(".v1"), json.loads(row["payload"])) for row in rows]


async def types_said(tx: Tx) -> list[str]:
    return [event for event, _ in await said(tx)]
