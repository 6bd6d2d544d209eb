"""Sage Accounting behind our interface. References, look-ups, proofs and how sure each fact is: README beside this.

Documented (Sage's guides and swagger): addresses, scopes, lifetimes, rotation without a grace, X-Business, paging,
`attributes`, fields of bills, contacts and attachments. Observed by third parties: the error array, amounts as
strings, `idempotency_id`, revocation, limits. Assumed, since nobody says: the filter of the attachments list, where the
base currency is told, that bank accounts are control accounts, and that there are no drafts. No client library and no
swagger could be had to hold it to.
"""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2

from providers.bills import is_noted
from providers.documents import refuse_unfit
from providers.errors import GrantRefused
from providers.http import well_formed
from providers.interface import CallLimits, ListNotOffered, NamedBy, ProviderFacts, Revocation, Rotation
from providers.lists import read
from providers.models import (
    Access,
    Bill,
    CallbackParams,
    Cost,
    Document,
    Entry,
    Grant,
    ListName,
    Organisation,
    Permission,
    Published,
    Reading,
)
from providers.oauth import Credentials, OAuthClient, TokenAnswer, grant_of
from providers.sage import lists
from providers.sage.api import SageApi
from providers.sage.bills import idempotency_id, invoice_of
from providers.settings import SageSettings

SCOPES = ("full_access",)
FACTS = ProviderFacts(
    display_name="Sage Accounting",
    lists=(
        ListName.ACCOUNTS,
        ListName.TAX_RATES,
        ListName.SUPPLIERS,
        ListName.CUSTOMERS,
        ListName.TRACKING,
        ListName.BANK_ACCOUNTS,
        ListName.ORGANISATION,
    ),
    incremental_lists=frozenset({ListName.SUPPLIERS, ListName.CUSTOMERS}),
    supports_supplier_warning=True,
    mobile=False,
    scopes=SCOPES,
    named_by=NamedBy.LIST,
    access_lifetime=timedelta(minutes=5),
    access_margin=timedelta(minutes=1),
    rotation=Rotation.ALWAYS,
    refresh_grace=timedelta(0),
    idle_limit=timedelta(seconds=2_678_400),
    revocation=Revocation.WHEN_THE_ACCESS_TOKEN_DIES,
    disconnect_seen_as=GrantRefused,
    limits=CallLimits(at_once=None, windows=((100, timedelta(minutes=1)), (2_500, timedelta(days=1)))),
    longest_processing=timedelta(seconds=120),
)
ALL = {"attributes": "all"}
LARGEST_FILE = 2_621_440
FILE_TYPES = ("application/pdf", "image/jpeg", "image/png")
ON_A_BILL = "PURCHASE_INVOICE"


class Sage:
    """The adapter."""

    name = "sage"

    def __init__(self, settings: SageSettings, http: httpx2.AsyncClient) -> None:
        self.facts = FACTS.processing_within(settings.longest_processing_seconds)
        self._oauth = OAuthClient.of(settings, http, Credentials.FORM)
        self._revoke_url = settings.revoke_url
        self._api = SageApi(http, settings.api_url)

    def authorise_url(self, state: str, code_challenge: str, redirect_uri: str, login_hint: str | None = None) -> str:
        return self._oauth.authorise_url(SCOPES, state, code_challenge, redirect_uri, login_hint)

    async def exchange(
        self,
        code: str,
        verifier: str,
        redirect_uri: str,
        callback_params: CallbackParams,  # noqa: ARG002 - Sage's callback names a country, and no business
        now: datetime,
    ) -> Grant:
        grant = _grant(await self._oauth.exchange(code, verifier, redirect_uri), now)
        if set(grant.scopes) >= set(SCOPES):
            return grant
        raise GrantRefused("scope_missing", (Permission.ACCOUNTING,))

    async def refresh(self, refresh_token: str, now: datetime) -> Grant:
        return _grant(await self._oauth.refresh(refresh_token), now)

    async def organisations(self, grant: Grant) -> list[Organisation]:
        """Every business of the person who logged in."""
        businesses = await self._api.businesses(grant.access_token)
        with well_formed(writes=False):
            return [Organisation(one["id"], one["displayed_as"]) for one in businesses]

    async def revoke(self, grant: Grant) -> None:
        """Revoke the refresh token. An access token that is out cannot be revoked: it dies within five minutes."""
        await self._oauth.revoke(self._revoke_url, grant.refresh_token)

    async def read_list(self, access: Access, list_name: ListName, modified_since: datetime | None) -> Reading:
        return await read(FACTS, partial(self._entries, access), list_name, modified_since)

    async def ensure_supplier(self, access: Access, name: str, key: str) -> str:
        """Names may repeat at Sage, so only the look and the key keep a supplier from being doubled."""
        if found := await self._supplier_named(access, name):
            return found
        contact = {"name": name, "contact_type_ids": [lists.VENDOR], "idempotency_id": idempotency_id(key)}
        answer = await self._api.create(access, "/contacts", {"contact": contact})
        with well_formed(writes=True):
            return str(answer["id"])

    async def create_bill(self, access: Access, bill: Bill, key: str, deadline: float) -> Published:
        answer = await self._api.create(
            access, "/purchase_invoices", {"purchase_invoice": invoice_of(bill, key)}, deadline=deadline
        )
        with well_formed(writes=True):
            return Published(str(answer["id"]))

    async def find_bill(self, access: Access, bill: Bill) -> Published | None:
        """Among the bills of its date: what `search` looks at is not said."""
        day = bill.date.isoformat()
        of_its_day = self._api.items(
            access, "/purchase_invoices", {"from_date": day, "to_date": day, "attributes": "notes"}
        )
        with well_formed(writes=False):
            async for invoice in of_its_day:
                if is_noted(invoice["notes"], bill.reference):
                    return Published(str(invoice["id"]))
        return None

    async def attach(self, access: Access, published: Published, document: Document) -> None:
        refuse_unfit(document, largest=LARGEST_FILE, types=FILE_TYPES)
        bill = {"attachment_context_type_id": ON_A_BILL, "attachment_context_id": published.provider_reference}
        with well_formed(writes=False):
            there = [(one["file_name"], int(one["file_size"])) async for one in self._files(access, bill)]
        if (document.file_name, len(document.content)) in there:
            return
        file = {
            "file": base64.b64encode(document.content).decode(),
            "file_name": document.file_name,
            "mime_type": document.content_type,
        }
        await self._api.create(access, "/attachments", {"attachment": file | bill})

    def _files(self, access: Access, bill: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        return self._api.items(access, "/attachments", {**bill, "attributes": "file_name,file_size"})

    async def _entries(self, access: Access, list_name: ListName, since: datetime | None, cost: Cost) -> list[Entry]:
        match list_name:
            case ListName.ACCOUNTS:
                return lists.accounts(await self._records(access, "/ledger_accounts", cost))
            case ListName.BANK_ACCOUNTS:
                return lists.bank_accounts(await self._records(access, "/bank_accounts", cost))
            case ListName.TAX_RATES:
                return lists.tax_rates(await self._records(access, "/tax_rates", cost, usage="purchase"))
            case ListName.SUPPLIERS | ListName.CUSTOMERS:
                kind = lists.VENDOR if list_name is ListName.SUPPLIERS else lists.CUSTOMER
                changed = {"updated_or_created_since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"} if since else {}
                found = await self._records(access, "/contacts", cost, contact_type_id=kind, **changed)
                return lists.contacts(list_name, found)
            case ListName.TRACKING:
                types = await self._records(access, "/analysis_types", cost)
                return lists.tracking(types, await self._records(access, "/analysis_type_categories", cost))
            case ListName.ORGANISATION:
                business = await self._api.read(access, f"/businesses/{access.organisation_id}", cost=cost)
                settings = await self._api.read(access, "/financial_settings", cost=cost)
                return [lists.organisation(business, settings)]
            case _:
                raise ListNotOffered(list_name)

    async def _records(self, access: Access, path: str, cost: Cost, **params: str) -> list[dict[str, Any]]:
        return [one async for one in self._api.items(access, path, ALL | params, cost=cost)]

    async def _supplier_named(self, access: Access, name: str) -> str | None:
        like_it = {"contact_type_id": lists.VENDOR, "search": name, **ALL}
        with well_formed(writes=False):
            async for contact in self._api.items(access, "/contacts", like_it):
                if contact["name"].casefold() == name.casefold() and lists.is_in_use(contact):
                    return str(contact["id"])
        return None


def _grant(answer: TokenAnswer, now: datetime) -> Grant:
    """A response that names no scope gave the one that was asked for (RFC 6749, 5.1)."""
    scopes = SCOPES if answer.scopes is None else answer.scopes
    return grant_of(answer, now, lives_unused=answer.refresh_lives, scopes=scopes)
