"""FreeAgent behind our interface. References, look-ups, proofs and how sure each fact is: README beside this file.

Documented (FreeAgent's pages, transcribed): addresses, lifetimes, ids that are addresses, paging, limits, fields of
bills, contacts and categories, that a bill holds one file. Observed (a client library that other people use):
`permission_level`, wrapped bodies, the Link header. Assumed, since nobody says: that a replaced refresh token is dead,
that nothing else than `invalid_grant` shows a disconnect, that a file added later replaces none, what is in a refusal
but its sentence.
"""

import base64
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2

from providers.bills import is_noted
from providers.documents import refuse_unfit
from providers.errors import GrantRefused, OrganisationGone, Problem, Refused
from providers.freeagent import lists
from providers.freeagent.api import FreeAgentApi
from providers.freeagent.bills import bill_of
from providers.freeagent.ids import id_in
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
from providers.oauth import OAuthClient, TokenAnswer, grant_of
from providers.settings import FreeAgentSettings

FACTS = ProviderFacts(
    display_name="FreeAgent",
    lists=(
        ListName.ACCOUNTS,
        ListName.TAX_RATES,
        ListName.SUPPLIERS,
        ListName.CUSTOMERS,
        ListName.PROJECTS,
        ListName.BANK_ACCOUNTS,
        ListName.ORGANISATION,
    ),
    incremental_lists=frozenset({ListName.SUPPLIERS, ListName.CUSTOMERS}),
    supports_supplier_warning=True,
    mobile=False,
    scopes=(),
    named_by=NamedBy.TOKEN,
    access_lifetime=timedelta(hours=1),
    access_margin=timedelta(minutes=10),
    rotation=Rotation.ALWAYS,
    refresh_grace=timedelta(0),
    idle_limit=timedelta(seconds=631_151_957),
    revocation=Revocation.NOT_OFFERED,
    disconnect_seen_as=GrantRefused,
    limits=CallLimits(at_once=None, windows=((120, timedelta(minutes=1)), (3_600, timedelta(hours=1)))),
    longest_processing=timedelta(seconds=120),
)
LEVEL_FOR_BILLS = 5
LARGEST_FILE = 5 * 1024 * 1024
FILE_TYPES = {
    "application/pdf": "application/x-pdf",
    "image/png": "image/png",
    "image/jpeg": "image/jpeg",
    "image/gif": "image/gif",
}
"""The content types it takes, in its own words."""


class FreeAgent:
    """The adapter."""

    name = "freeagent"

    def __init__(self, settings: FreeAgentSettings, http: httpx2.AsyncClient) -> None:
        self.facts = FACTS.processing_within(settings.longest_processing_seconds)
        self._oauth = OAuthClient.of(settings, http)
        self._api = FreeAgentApi(http, settings.api_url)

    def authorise_url(self, state: str, code_challenge: str, redirect_uri: str, login_hint: str | None = None) -> str:
        return self._oauth.authorise_url((), state, code_challenge, redirect_uri, login_hint)

    async def exchange(
        self,
        code: str,
        verifier: str,
        redirect_uri: str,
        callback_params: CallbackParams,  # noqa: ARG002 - FreeAgent's callback names no company
        now: datetime,
    ) -> Grant:
        """There are no scopes: what the person may do decides, and is asked for at once."""
        grant = _grant(await self._oauth.exchange(code, verifier, redirect_uri), now)
        me = await self._api.read(_whoever(grant), "/users/me")
        with well_formed(writes=False):
            level = int(me["user"].get("permission_level", LEVEL_FOR_BILLS))
        if level < LEVEL_FOR_BILLS:
            raise GrantRefused("scope_missing", (Permission.BILLS,))
        return grant

    async def refresh(self, refresh_token: str, now: datetime) -> Grant:
        return _grant(await self._oauth.refresh(refresh_token), now)

    async def organisations(self, grant: Grant) -> list[Organisation]:
        """The one company that the token opens."""
        company = await self._company(_whoever(grant))
        with well_formed(writes=False):
            return [Organisation(_id_of(company), company["name"], None, company.get("currency"))]

    async def revoke(self, grant: Grant) -> None:
        """Nothing: FreeAgent offers no revocation. The customer removes us in FreeAgent."""

    async def read_list(self, access: Access, list_name: ListName, modified_since: datetime | None) -> Reading:
        return await read(FACTS, partial(self._entries, access), list_name, modified_since)

    async def ensure_supplier(self, access: Access, name: str, key: str) -> str:  # noqa: ARG002 - there are no keys
        """Names may repeat at FreeAgent, so only the look keeps a supplier from being doubled."""
        await self._require_company(access)
        with well_formed(writes=False):
            async for contact in self._api.rows(access, "/contacts", {"view": "active"}):
                if lists.name_of(contact).casefold() == name.casefold():
                    return id_in(contact["url"])
        contact = {"organisation_name": name}
        answer = await self._api.write(access, "POST", "/contacts", {"contact": contact})
        with well_formed(writes=True):
            return id_in(answer["contact"]["url"])

    async def create_bill(self, access: Access, bill: Bill, key: str, deadline: float) -> Published:  # noqa: ARG002
        """There are no keys, so the look comes before every write: a bill that is there already is the answer."""
        content = bill_of(bill, self._api.api_url)
        if found := await self.find_bill(access, bill):
            return found
        answer = await self._api.write(access, "POST", "/bills", {"bill": content}, deadline=deadline)
        with well_formed(writes=True):
            return Published(id_in(answer["bill"]["url"]))

    async def find_bill(self, access: Access, bill: Bill) -> Published | None:
        """Among the bills of its date, since nothing else can be asked for."""
        await self._require_company(access)
        day = bill.date.isoformat()
        with well_formed(writes=False):
            async for found in self._api.rows(access, "/bills", {"from_date": day, "to_date": day}):
                if is_noted(found.get("comments"), bill.reference):
                    return Published(id_in(found["url"]))
        return None

    async def attach(self, access: Access, published: Published, document: Document) -> None:
        """A bill holds one file. One that somebody else put there is left alone: `document_exists`."""
        refuse_unfit(document, largest=LARGEST_FILE, types=FILE_TYPES)
        path = f"/bills/{published.provider_reference}"
        there = await self._api.read(access, path)
        with well_formed(writes=False):
            if file := there["bill"].get("attachment"):
                if (file["file_name"], int(file["file_size"])) == (document.file_name, len(document.content)):
                    return
                raise Refused(Problem("document_exists", "document", f"the bill has {file['file_name']} already"))
        attachment = {
            "data": base64.b64encode(document.content).decode(),
            "file_name": document.file_name,
            "content_type": FILE_TYPES[document.content_type],
        }
        await self._api.write(access, "PUT", path, {"bill": {"attachment": attachment}})

    async def _entries(self, access: Access, list_name: ListName, since: datetime | None, cost: Cost) -> list[Entry]:
        company = await self._require_company(access, cost)
        match list_name:
            case ListName.ACCOUNTS:
                return lists.accounts(await self._api.read(access, "/categories", cost=cost))
            case ListName.TAX_RATES:
                return lists.tax_rates(company)
            case ListName.SUPPLIERS | ListName.CUSTOMERS:
                view = {"view": "all" if list_name is ListName.SUPPLIERS else "clients"}
                changed = {"updated_since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"} if since else {}
                found = self._api.rows(access, "/contacts", view | changed, cost=cost)
                return [lists.contact(list_name, one) async for one in found]
            case ListName.PROJECTS:
                return [lists.project(one) async for one in self._api.rows(access, "/projects", cost=cost)]
            case ListName.BANK_ACCOUNTS:
                return [lists.bank_account(one) async for one in self._api.rows(access, "/bank_accounts", cost=cost)]
            case ListName.ORGANISATION:
                return [lists.organisation(company)]
            case _:
                raise ListNotOffered(list_name)

    async def _company(self, access: Access, cost: Cost | None = None) -> dict[str, Any]:
        answer = await self._api.read(access, "/company", cost=cost)
        with well_formed(writes=False):
            return dict(answer["company"])

    async def _require_company(self, access: Access, cost: Cost | None = None) -> dict[str, Any]:
        """The company behind the token, which must be the one asked for: no call can name a company."""
        company = await self._company(access, cost)
        with well_formed(writes=False):
            if _id_of(company) == access.organisation_id:
                return company
        raise OrganisationGone(access.organisation_id)


def _id_of(company: dict[str, Any]) -> str:
    """Raises TypeError for what is no number: it would pass for another company's, and ours for gone."""
    if type(company["id"]) is not int:
        raise TypeError("not an id")
    return str(company["id"])


def _whoever(grant: Grant) -> Access:
    """For asking whose books these are: the token alone opens them."""
    return Access(grant.access_token, "")


def _grant(answer: TokenAnswer, now: datetime) -> Grant:
    return grant_of(answer, now, lives_unused=answer.refresh_lives, scopes=())
