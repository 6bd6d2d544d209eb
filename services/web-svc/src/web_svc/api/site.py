"""Who is looking, at which business, and what the pages are made from."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Depends, Request
from starlette.datastructures import FormData

from chassis.clock import Clock
from web_svc.clients import Connections, Identity, Items, Rules, Speaker, Syncs
from web_svc.domain.health import ProvidersHealth
from web_svc.domain.people import Membership, Memberships
from web_svc.live import Live
from web_svc.oidc import IdentityProvider
from web_svc.store.sessions import Sessions

BUSINESS_COOKIE = "business"
"""Which business the pages under `/m` are about, for somebody of several."""


@dataclass(frozen=True)
class Site:
    """Everything a page is made from, built in `main`."""

    public_url: str
    environment: str
    session_lifetime: timedelta
    sessions: Sessions
    memberships: Memberships
    connections: Connections
    syncs: Syncs
    rules: Rules
    items: Items
    identity: Identity
    identity_provider: IdentityProvider
    live: Live
    health: ProvidersHealth
    clock: Clock
    """The domain's: consent and dates on pages."""
    system_clock: Clock
    """Sessions and sign-ins."""
    new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32)

    def cookie(self, name: str) -> str:
        """The cookie's full name: bound to this host where the address is https, plain on http://localhost."""
        return f"__Host-relink_{name}" if self.is_secure else f"relink_{name}"

    @property
    def is_secure(self) -> bool:
        return self.public_url.startswith("https://")


class SignInNeeded(Exception):
    """Nobody is signed in."""


class NothingHere(Exception):
    """There is no such page for this person; whether there is one for somebody else is not told."""


class NoBusiness(Exception):
    """Somebody is signed in who belongs to no business."""


class BusinessNotChosen(Exception):
    """Somebody belongs to several businesses and has not said yet which one the pages for a phone are about."""


class ManagersOnly(Exception):
    """The page is for those who manage connections, and this person does not."""

    def __init__(self, reader: "Reader") -> None:
        self.reader = reader
        super().__init__(f"{reader.user_id} does not manage connections of {reader.business_id}")


class FormTooOld(Exception):
    """The form was not made by us for this browser's session."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in."""

    user_id: str
    form_token: str
    login_binding: str


@dataclass(frozen=True)
class Reader:
    """A visitor inside one business, at the pages for a desk (`web`) or at those under `/m` (`mobile`)."""

    visitor: Visitor
    membership: Membership
    channel: Literal["web", "mobile"] = "web"

    @property
    def user_id(self) -> str:
        return self.visitor.user_id

    @property
    def business_id(self) -> str:
        return self.membership.business_id

    @property
    def connections(self) -> str:
        """The address under which this reader finds the connections."""
        return "/m/settings/integrations" if self.channel == "mobile" else f"/b/{self.business_id}/settings/connections"

    @property
    def manages(self) -> bool:
        return self.membership.manages_connections

    @property
    def speaker(self) -> Speaker:
        return Speaker(self.user_id, self.business_id, self.membership.role or "member")


def form_token(cookie: str) -> str:
    """What a form of this browser must bring along: only we and the holder of the cookie can know it."""
    return hmac.new(cookie.encode(), b"form", hashlib.sha256).hexdigest()


def login_binding(cookie: str) -> str:
    """What this browser brings to `/oauth` to prove that it asked for the login: nobody else can know it.

    It is not made anew for each press: pressing twice must send the same request twice.
    """
    return hmac.new(cookie.encode(), b"login", hashlib.sha256).hexdigest()


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


async def find_visitor(request: Request) -> Visitor | None:
    """Who is signed in in this browser, if anybody is."""
    site = site_of(request)
    session_id = request.cookies.get(site.cookie("session"))
    session = await site.sessions.find(session_id, now=site.system_clock.now()) if session_id else None
    if session_id is None or session is None:
        return None
    return Visitor(session.user_id, form_token(session_id), login_binding(session_id))


async def _visitor(request: Request) -> Visitor:
    visitor = await find_visitor(request)
    if visitor is None:
        raise SignInNeeded
    return visitor


async def _reader(request: Request, visitor: Annotated[Visitor, Depends(_visitor)]) -> Reader:
    """Of the business in the address; the pages under `/m` name none and are about the chosen one."""
    business = request.path_params.get("business")
    if business is None:
        reader = Reader(visitor, _chosen_membership(request, visitor), "mobile")
    else:
        membership = site_of(request).memberships.find(business, visitor.user_id)
        if membership is None:
            raise NothingHere
        reader = Reader(visitor, membership)
    request.state.reader = reader  # an error page keeps the shell
    return reader


def _chosen_membership(request: Request, visitor: Visitor) -> Membership:
    """The only one, or the one that this browser remembers. Raises NoBusiness and BusinessNotChosen."""
    site = site_of(request)
    mine = site.memberships.of(visitor.user_id)
    if not mine:
        raise NoBusiness
    chosen = request.cookies.get(site.cookie(BUSINESS_COOKIE))
    candidates = [each for each in mine if each.business_id == chosen] or mine
    if len(candidates) > 1:
        raise BusinessNotChosen
    return candidates[0]


async def _manager(reader: Annotated[Reader, Depends(_reader)]) -> Reader:
    if not reader.manages:
        raise ManagersOnly(reader)
    return reader


async def _posted(request: Request, visitor: Annotated[Visitor, Depends(_visitor)]) -> FormData:
    form = await request.form()
    check_form(form, visitor.form_token)
    return form


def check_form(form: FormData, expected: str) -> None:
    """Raises FormTooOld unless the form carries the token it was rendered with."""
    if not hmac.compare_digest(str(form.get("form_token", "")), expected):
        raise FormTooOld


def key_of(form: FormData) -> str:
    """The form's idempotency key: pressing twice sends the same one twice."""
    key = str(form.get("idempotency_key", ""))
    if not key:
        raise FormTooOld
    return key


TheSite = Annotated[Site, Depends(site_of)]
SignedIn = Annotated[Visitor, Depends(_visitor)]
AReader = Annotated[Reader, Depends(_reader)]
AManager = Annotated[Reader, Depends(_manager)]
Posted = Annotated[FormData, Depends(_posted)]
