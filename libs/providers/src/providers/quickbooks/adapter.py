"""QuickBooks Online behind our interface. Its table of references, look-ups and proofs is in the README beside this."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2

from providers.bills import is_noted
from providers.errors import GrantRefused, ProviderUnavailable, Refused
from providers.http import attachment_key, fitted_key, well_formed
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
from providers.oauth import OAuthClient, TokenAnswer, grant_of
from providers.quickbooks import lists
from providers.quickbooks.api import LONGEST_KEY, QuickBooksApi, quoted, refuse_fault
from providers.quickbooks.bills import document_of, short_number
from providers.settings import QuickBooksSettings

SCOPES = ("com.intuit.quickbooks.accounting",)
FACTS = ProviderFacts(
    display_name="QuickBooks Online",
    lists=(
        ListName.ACCOUNTS,
        ListName.TAX_RATES,
        ListName.SUPPLIERS,
        ListName.CUSTOMERS,
        ListName.TRACKING,
        ListName.BANK_ACCOUNTS,
        ListName.ORGANISATION,
    ),
    incremental_lists=frozenset(
        {ListName.ACCOUNTS, ListName.BANK_ACCOUNTS, ListName.SUPPLIERS, ListName.CUSTOMERS, ListName.TRACKING}
    ),
    supports_supplier_warning=True,
    mobile=True,
    scopes=SCOPES,
    named_by=NamedBy.CALLBACK,
    access_lifetime=timedelta(hours=1),
    access_margin=timedelta(minutes=10),
    rotation=Rotation.NOW_AND_THEN,
    refresh_grace=timedelta(0),
    idle_limit=timedelta(seconds=8_726_400),
    revocation=Revocation.AT_ONCE,
    disconnect_seen_as=GrantRefused,
    limits=CallLimits(at_once=10, windows=((10, timedelta(seconds=1)), (500, timedelta(minutes=1)))),
    longest_processing=timedelta(seconds=120),
)
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
EVEN_INACTIVE = "Active IN (true, false)"
BANKING = "AccountType IN ('Bank', 'Credit Card')"
BANKING_TYPES = {"Bank", "Credit Card"}


class QuickBooks:
    """The adapter."""

    name = "quickbooks"

    def __init__(self, settings: QuickBooksSettings, http: httpx2.AsyncClient) -> None:
        self.facts = FACTS.processing_within(settings.longest_processing_seconds)
        self._oauth = OAuthClient.of(settings, http)
        self._revoke_url = settings.revoke_url
        self._api = QuickBooksApi(http, settings.api_url)

    def authorise_url(self, state: str, code_challenge: str, redirect_uri: str, login_hint: str | None = None) -> str:
        return self._oauth.authorise_url(SCOPES, state, code_challenge, redirect_uri, login_hint)

    async def exchange(
        self, code: str, verifier: str, redirect_uri: str, callback_params: CallbackParams, now: datetime
    ) -> Grant:
        realm = callback_params.get("realmId")
        if realm is None:
            # realmId comes with the accounting scope and only with it
            raise GrantRefused("scope_missing", (Permission.ACCOUNTING,))
        if not realm.isascii() or not realm.isdigit():  # it comes from a browser, and becomes part of addresses
            raise ProviderUnavailable("malformed", "realmId")
        return _grant(await self._oauth.exchange(code, verifier, redirect_uri), now, realm)

    async def refresh(self, refresh_token: str, now: datetime) -> Grant:
        return _grant(await self._oauth.refresh(refresh_token), now, None)

    async def organisations(self, grant: Grant) -> list[Organisation]:
        """The one company of the callback, with its name. A refreshed grant names none."""
        if grant.organisation_hint is None:
            return []
        access = Access(grant.access_token, grant.organisation_hint)
        with well_formed(writes=False):
            info = (await self._api.read(access, f"/companyinfo/{access.organisation_id}"))["CompanyInfo"]
            return [Organisation(access.organisation_id, info["CompanyName"], info.get("Country"))]

    async def revoke(self, grant: Grant) -> None:
        """The token goes as JSON here, which no standard knows."""
        body = json.dumps({"token": grant.refresh_token})
        await self._oauth.revoke_with(self._revoke_url, content=body, headers=JSON)

    async def read_list(self, access: Access, list_name: ListName, modified_since: datetime | None) -> Reading:
        return await read(FACTS, partial(self._entries, access), list_name, modified_since)

    async def ensure_supplier(self, access: Access, name: str, key: str) -> str:
        if found := await self._vendor_named(access, name):
            return found
        try:
            answer = await self._api.create(
                access, "/vendor", {"DisplayName": name}, key=fitted_key(key, limit=LONGEST_KEY)
            )
        except Refused as refusal:
            # Somebody was faster, or the name is a customer's: names are unique over both, and only the look tells.
            taken = any(problem.code == "duplicate" for problem in refusal.problems)
            if taken and (found := await self._vendor_named(access, name)):
                return found
            raise
        with well_formed(writes=True):
            return str(answer["Vendor"]["Id"])

    async def create_bill(self, access: Access, bill: Bill, key: str, deadline: float) -> Published:
        answer = await self._api.create(
            access, "/bill", document_of(bill), key=fitted_key(key, limit=LONGEST_KEY), deadline=deadline
        )
        with well_formed(writes=True):
            return Published(str(answer["Bill"]["Id"]))

    async def find_bill(self, access: Access, bill: Bill) -> Published | None:
        """Notes cannot be queried, numbers can; a bill without one is looked for among those of its date."""
        number = short_number(bill.number)
        where = f"DocNumber = {quoted(number)}" if number else f"TxnDate = {quoted(bill.date.isoformat())}"
        with well_formed(writes=False):
            async for row in self._api.rows(access, "Bill", where):
                if is_noted(row.get("PrivateNote"), bill.reference):
                    return Published(str(row["Id"]))
        return None

    async def attach(self, access: Access, published: Published, document: Document) -> None:
        bill_id = published.provider_reference
        if await self._is_attached(access, bill_id, document):
            return
        metadata = {
            "AttachableRef": [{"EntityRef": {"type": "Bill", "value": bill_id}, "IncludeOnSend": False}],
            "FileName": document.file_name,
            "ContentType": document.content_type,
        }
        answer = await self._api.upload(
            access,
            metadata,
            (document.file_name, document.content, document.content_type),
            key=fitted_key(attachment_key(published, document), limit=LONGEST_KEY),
        )
        with well_formed(writes=True):
            refuse_fault(answer["AttachableResponse"][0], writes=True)

    async def _entries(  # noqa: PLR0911 - one way for each list
        self, access: Access, list_name: ListName, since: datetime | None, cost: Cost
    ) -> list[Entry]:
        match list_name:
            case ListName.ACCOUNTS:
                found = await self._named(access, "Account", since, cost)
                return [lists.account(one) for one in found if one["AccountType"] not in BANKING_TYPES]
            case ListName.BANK_ACCOUNTS:
                return [lists.bank_account(one) for one in await self._named(access, "Account", since, cost, BANKING)]
            case ListName.TAX_RATES:
                return [lists.tax_code(one) for one in await self._named(access, "TaxCode", since, cost)]
            case ListName.SUPPLIERS:
                return [lists.vendor(one) for one in await self._named(access, "Vendor", since, cost)]
            case ListName.CUSTOMERS:
                return [lists.customer(one) for one in await self._named(access, "Customer", since, cost)]
            case ListName.TRACKING:
                classes = await self._named(access, "Class", since, cost)
                locations = await self._named(access, "Department", since, cost)
                return [lists.tracked(one, "class") for one in classes] + [
                    lists.tracked(one, "location") for one in locations
                ]
            case ListName.ORGANISATION:
                realm = access.organisation_id
                info = await self._api.read(access, f"/companyinfo/{realm}", cost=cost)
                preferences = await self._api.read(access, "/preferences", cost=cost)
                return [lists.company(info["CompanyInfo"], preferences["Preferences"], realm)]
            case _:
                raise ListNotOffered(list_name)

    async def _named(
        self, access: Access, entity: str, since: datetime | None, cost: Cost, condition: str | None = None
    ) -> list[dict[str, Any]]:
        """All rows of an entity, inactive ones too: what has only become inactive is not gone."""
        changed = (
            f"MetaData.LastUpdatedTime > {quoted(f'{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}')}" if since else None
        )
        where = " AND ".join(part for part in (EVEN_INACTIVE, condition, changed) if part)
        return [row async for row in self._api.rows(access, entity, where, cost=cost)]

    async def _vendor_named(self, access: Access, name: str) -> str | None:
        with well_formed(writes=False):
            rows = self._api.rows(access, "Vendor", f"DisplayName = {quoted(name)}")
            return next((str(row["Id"]) for row in [row async for row in rows]), None)

    async def _is_attached(self, access: Access, bill_id: str, document: Document) -> bool:
        where = f"AttachableRef.EntityRef.Type = 'Bill' AND AttachableRef.EntityRef.value = {quoted(bill_id)}"
        with well_formed(writes=False):
            there = [row async for row in self._api.rows(access, "Attachable", where)]
            return any(
                row.get("FileName") == document.file_name and row.get("Size") == len(document.content) for row in there
            )


def _grant(answer: TokenAnswer, now: datetime, realm: str | None) -> Grant:
    grant = grant_of(answer, now, lives_unused=answer.refresh_lives, scopes=SCOPES)
    return replace(grant, organisation_hint=realm)
