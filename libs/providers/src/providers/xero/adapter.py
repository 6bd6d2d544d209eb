"""Xero behind our interface. Its table of references, look-ups and proofs is in the README beside this file."""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx2

from providers.documents import refuse_unfit
from providers.errors import GrantRefused, OrganisationGone, OutcomeUnknown, Problem, Refused
from providers.http import NOT_AS_PROMISED, NOT_READABLE, attachment_key, fitted_key, listed, page_numbers, well_formed
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
    is_sendable,
)
from providers.oauth import OAuthClient, TokenAnswer, grant_of
from providers.settings import XeroSettings
from providers.xero import lists
from providers.xero.api import XeroApi
from providers.xero.bills import invoice_of, is_ours
from providers.xero.refusals import problems_of_element

SCOPES = (
    "openid",
    "profile",
    "email",
    "offline_access",
    "accounting.invoices",
    "accounting.contacts",
    "accounting.settings.read",
    "accounting.attachments",
)
NEEDED = {
    "accounting.invoices": Permission.BILLS,
    "accounting.contacts": Permission.CONTACTS,
    "accounting.settings.read": Permission.LISTS,
    "accounting.attachments": Permission.ATTACHMENTS,
    "offline_access": Permission.OFFLINE,
}
FACTS = ProviderFacts(
    display_name="Xero",
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
    mobile=True,
    scopes=SCOPES,
    named_by=NamedBy.LIST,
    access_lifetime=timedelta(minutes=30),
    access_margin=timedelta(minutes=5),
    rotation=Rotation.ALWAYS,
    refresh_grace=timedelta(minutes=30),
    idle_limit=timedelta(days=60),
    revocation=Revocation.AT_ONCE,
    disconnect_seen_as=OrganisationGone,
    limits=CallLimits(at_once=5, windows=((60, timedelta(minutes=1)), (5_000, timedelta(days=1)))),
    longest_processing=timedelta(seconds=60),
)
CONTACT_PAGES: Mapping[str, str | int] = {"pageSize": 1000, "includeArchived": "true", "order": "ContactID ASC"}
INVOICES_PER_PAGE = 100
LONGEST_KEY = 128
LARGEST_FILE = 10 * 1024 * 1024
NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\\|?*\x00+]')


class Xero:
    """The adapter."""

    name = "xero"

    def __init__(self, settings: XeroSettings, http: httpx2.AsyncClient) -> None:
        self.facts = FACTS.processing_within(settings.longest_processing_seconds)
        self._oauth = OAuthClient.of(settings, http)
        self._revoke_url = settings.revoke_url
        self._api = XeroApi(http, settings.api_url, settings.connections_url)

    def authorise_url(self, state: str, code_challenge: str, redirect_uri: str, login_hint: str | None = None) -> str:
        return self._oauth.authorise_url(SCOPES, state, code_challenge, redirect_uri, login_hint)

    async def exchange(
        self,
        code: str,
        verifier: str,
        redirect_uri: str,
        callback_params: CallbackParams,  # noqa: ARG002 - Xero's callback names no organisation
        now: datetime,
    ) -> Grant:
        grant = _grant(await self._oauth.exchange(code, verifier, redirect_uri), now)
        missing = [permission for scope, permission in NEEDED.items() if scope not in grant.scopes]
        if grant.scopes and missing:
            raise GrantRefused("scope_missing", tuple(missing))
        return grant

    async def refresh(self, refresh_token: str, now: datetime) -> Grant:
        return _grant(await self._oauth.refresh(refresh_token), now)

    async def organisations(self, grant: Grant) -> list[Organisation]:
        chosen = await self._api.connections(grant.access_token, grant.authorisation_event)
        with well_formed(writes=False):
            return [Organisation(one["tenantId"], one["tenantName"]) for one in chosen]

    async def revoke(self, grant: Grant) -> None:
        """Disconnect the grant's organisation; revoke the token only when it reaches nothing else.

        Xero's revocation ends every organisation that this person ever connected to us, other businesses' included.
        An organisation that was chosen again in a later login belongs to that login and stays. Without
        `organisation_hint` everything chosen in this login is disconnected.
        """
        with well_formed(writes=False):
            for one in await self._api.connections(grant.access_token, grant.authorisation_event):
                if grant.organisation_hint in {None, one["tenantId"]}:
                    await self._api.disconnect(grant.access_token, one["id"])
        if not await self._api.connections(grant.access_token):
            await self._oauth.revoke(self._revoke_url, grant.refresh_token)

    async def read_list(self, access: Access, list_name: ListName, modified_since: datetime | None) -> Reading:
        return await read(FACTS, partial(self._entries, access), list_name, modified_since)

    async def ensure_supplier(self, access: Access, name: str, key: str) -> str:
        if found := await self._contact_named(access, name):
            return found
        try:
            answer = await self._api.write(
                access, "/Contacts", key=fitted_key(key, limit=LONGEST_KEY), json={"Contacts": [{"Name": name}]}
            )
        except Refused as refusal:
            # Somebody was faster: PUT refuses a name that exists, so the look is repeated, not the write.
            taken = any(problem.code == "duplicate" for problem in refusal.problems)
            if taken and (found := await self._contact_named(access, name)):
                return found
            raise
        with well_formed(writes=True):
            return str(_only(answer, "Contacts")["ContactID"])

    async def create_bill(self, access: Access, bill: Bill, key: str, deadline: float) -> Published:
        answer = await self._api.write(
            access,
            "/Invoices",
            key=fitted_key(key, limit=LONGEST_KEY),
            json={"Invoices": [invoice_of(bill)]},
            params={"summarizeErrors": "true", "unitdp": 4},
            deadline=deadline,
        )
        with well_formed(writes=True):
            return Published(str(_only(answer, "Invoices")["InvoiceID"]))

    async def find_bill(self, access: Access, bill: Bill) -> Published | None:
        with well_formed(writes=False):
            async for invoice in self._invoices_like(access, bill):
                if is_ours(invoice, bill.reference):
                    return Published(str(invoice["InvoiceID"]))
        return None

    async def attach(self, access: Access, published: Published, document: Document) -> None:
        """A file of the same name is replaced by Xero, so a repeat after a lost answer leaves one file, not two."""
        refuse_unfit(document, largest=LARGEST_FILE)
        file_name = NOT_IN_FILE_NAMES.sub("_", document.file_name)
        path = f"/Invoices/{published.provider_reference}/Attachments"
        there = (await self._api.read(access, path)).body
        with well_formed(writes=False):
            same = [one for one in there["Attachments"] if one["FileName"] == file_name]
            if any(one["ContentLength"] == len(document.content) for one in same):
                return
        await self._api.write(
            access,
            f"{path}/{quote(file_name, safe='')}",
            key=fitted_key(attachment_key(published, document), limit=LONGEST_KEY),
            content=document.content,
            content_type=document.content_type,
        )

    async def _entries(  # noqa: PLR0911 - one way for each list
        self, access: Access, list_name: ListName, since: datetime | None, cost: Cost
    ) -> list[Entry]:
        match list_name:
            case ListName.SUPPLIERS:
                return lists.suppliers([one async for one in self._contacts(access, since, cost)])
            case ListName.CUSTOMERS:
                return lists.customers([one async for one in self._contacts(access, since, cost)])
            case ListName.ACCOUNTS:
                rates = await self._records(access, "TaxRates", cost)
                return lists.accounts(await self._records(access, "Accounts", cost), rates)
            case ListName.BANK_ACCOUNTS:
                return lists.bank_accounts(await self._records(access, "Accounts", cost))
            case ListName.TAX_RATES:
                return lists.tax_rates(await self._records(access, "TaxRates", cost))
            case ListName.TRACKING:
                return lists.tracking(await self._records(access, "TrackingCategories", cost, includeArchived="true"))
            case ListName.ORGANISATION:
                return lists.organisation(await self._records(access, "Organisation", cost))
            case _:
                raise ListNotOffered(list_name)

    async def _records(self, access: Access, resource: str, cost: Cost, **params: str) -> list[dict[str, Any]]:
        answer = await self._api.read(access, f"/{resource}", params)
        cost.add(answer.size)
        return listed(answer.body["Organisations" if resource == "Organisation" else resource])

    async def _contacts(
        self, access: Access, modified_since: datetime | None, cost: Cost
    ) -> AsyncIterator[dict[str, Any]]:
        since = {"If-Modified-Since": f"{modified_since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"} if modified_since else {}
        for page in page_numbers():
            answer = await self._api.read(access, "/Contacts", {**CONTACT_PAGES, "page": page}, since)
            cost.add(answer.size)
            for contact in listed(answer.body["Contacts"]):
                yield contact
            if page >= answer.body["pagination"]["pageCount"]:
                return

    async def _contact_named(self, access: Access, name: str) -> str | None:
        answer = await self._api.read(access, "/Contacts", {"searchTerm": name, "page": 1, "pageSize": 100})
        with well_formed(writes=False):
            same = (
                str(one["ContactID"])
                for one in answer.body["Contacts"]
                if one["Name"].casefold() == name.casefold() and one["ContactStatus"] == "ACTIVE"
            )
            return next(same, None)

    async def _invoices_like(self, access: Access, bill: Bill) -> AsyncIterator[dict[str, Any]]:
        narrowed: dict[str, str | int] = {"createdByMyApp": "true", "pageSize": INVOICES_PER_PAGE}
        if bill.supplier_id:
            narrowed["ContactIDs"] = bill.supplier_id
        if bill.number and "," not in bill.number:  # the parameter is a list, and a comma in a number would split it
            narrowed["InvoiceNumbers"] = bill.number
        for page in page_numbers():
            answer = await self._api.read(access, "/Invoices", narrowed | {"page": page})
            for invoice in listed(answer.body["Invoices"]):
                yield invoice
            if page >= answer.body["pagination"]["pageCount"]:
                return


def _grant(answer: TokenAnswer, now: datetime) -> Grant:
    grant = grant_of(answer, now, lives_unused=FACTS.idle_limit, scopes=answer.scopes)
    return replace(grant, authorisation_event=_authentication_event(grant.access_token))


def _authentication_event(access_token: str) -> str | None:
    """The login this token comes from. The signature is not checked: the token came from Xero itself a moment ago."""
    try:
        payload = access_token.split(".")[1]
        event = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["authentication_event_id"]
    except (*NOT_AS_PROMISED, *NOT_READABLE):
        return None
    return event if is_sendable(event) else None


def _only(answer: Any, plural: str) -> dict[str, Any]:
    """The one document that was written. Also an answer of 200 may carry its refusal."""
    if not isinstance(answer, dict) or not answer.get(plural):
        raise OutcomeUnknown("malformed", f"no {plural} in the answer")
    document: dict[str, Any] = answer[plural][0]
    if document.get("HasErrors") or document.get("StatusAttributeString") == "ERROR":
        problems = problems_of_element(document) or [Problem("value_invalid", None, "Xero gave no reason")]
        raise Refused(*problems)
    return document
