"""Pages for browsers that need not be signed in: a reconnect link, and a login that came back to nowhere."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from web_svc import answers
from web_svc.api.pages import LOGIN_TAKES, bare_page, leave_for, what_went_wrong
from web_svc.api.site import FormTooOld, Site, TheSite, check_form, find_visitor, form_token, key_of, login_binding
from web_svc.clients import RequestRefused
from web_svc.domain.ago import ago, is_just_now
from web_svc.domain.attempts import message_of
from web_svc.wording import say

router = APIRouter()

VISITOR_COOKIE = "visitor"
LINK_COOKIE = "link"
"""The link that this browser has spent: it comes back to it from the provider."""
UNKNOWN = answers.ReconnectLink(
    state="unknown", business_id="", connection_id="", provider_name="", organisation_masked=""
)


@dataclass(frozen=True)
class Told:
    """What the page of a link says in one state, and what can be done there."""

    title: str
    message: Markup
    tone: str = "warn"
    icon: str = "link-2-off"
    status: int = 200
    can_use: bool = False
    can_ask: bool = False
    look_again: bool = False
    finish_href: str | None = None
    code: str | None = None


@router.get("/r/back")
async def back(request: Request, site: TheSite) -> Response:
    """Back from the provider: the page of the link says what became of it. A browser without one has lost its way.

    Whoever is signed in and may, goes on to confirm or to the confirmation at once.
    """
    token = request.cookies.get(site.cookie(LINK_COOKIE))
    if token is None:
        return RedirectResponse("/", 303)
    link, visitor = await _link(site, token), await find_visitor(request)
    membership = site.memberships.find(link.business_id, visitor.user_id) if visitor else None
    has_worked = link.login is not None and link.login.state in {"returned", "activated"}
    may_go_on = has_worked and membership is not None and membership.manages_connections
    return RedirectResponse(_page_of_login(link) if may_go_on else f"/r/{token}", 303)


@router.get("/r/{token}")
async def look(request: Request, site: TheSite, token: str) -> Response:
    """What a reconnect link leads to. Reading changes nothing, so that mail scanners cannot spend it."""
    visitor = request.cookies.get(site.cookie(VISITOR_COOKIE)) or site.new_secret()
    answer = await _page(request, site, token, visitor)
    answer.set_cookie(
        site.cookie(VISITOR_COOKIE), visitor, path="/", secure=site.is_secure, httponly=True, samesite="lax"
    )
    return answer


@router.post("/r/{token}")
async def use(request: Request, site: TheSite, token: str) -> Response:
    """Spend the link and leave for the provider's login. It signs nobody in here."""
    visitor, form = await _posted(request, site)
    link = await site.connections.link(token)
    try:
        start_url = await site.connections.consume_link(token, binding=login_binding(visitor), key=key_of(form))
    except RequestRefused:
        return await _page(request, site, token, visitor)
    binding, name = login_binding(visitor), link.provider_name
    leaving = leave_for(request, start_url, binding=binding, provider_name=name, back=f"/r/{token}")
    leaving.headers["Referrer-Policy"] = "no-referrer"
    seconds = round(LOGIN_TAKES.total_seconds())
    leaving.set_cookie(
        site.cookie(LINK_COOKIE), token, seconds, path="/", secure=site.is_secure, httponly=True, samesite="lax"
    )
    return leaving


@router.post("/r/{token}/ask")
async def ask(request: Request, site: TheSite, token: str) -> Response:
    """Ask for a new link: those who can give one get a mail, once for each link."""
    visitor, form = await _posted(request, site)
    try:
        asked_at = await site.connections.ask_for_another_link(token, key=key_of(form))
    except RequestRefused:
        return await _page(request, site, token, visitor)
    now = site.clock.now()
    note = say("link.asked") if is_just_now(asked_at, now=now) else say("link.asked.before", ago=ago(asked_at, now=now))
    return await _page(request, site, token, visitor, note=note)


@router.get("/connect/problem")
async def login_came_back_to_nowhere(request: Request, code: str = "") -> Response:
    """Where connection-svc sends a browser that did not ask for the login, or a callback that belongs to none."""
    message = say(message_of(code), provider="The accounting software")
    return bare_page(request, "came_back.html", message=message, code=code, correlation_id=request.state.request_id)


async def _posted(request: Request, site: Site) -> tuple[str, FormData]:
    """The browser that was shown the form, and what it sends. Raises FormTooOld for a form from elsewhere."""
    visitor = request.cookies.get(site.cookie(VISITOR_COOKIE))
    if not visitor:
        raise FormTooOld
    form = await request.form()
    check_form(form, form_token(visitor))
    return visitor, form


async def _page(request: Request, site: Site, token: str, visitor: str, *, note: Markup | None = None) -> Response:
    link = await _link(site, token)
    told = _told(link)
    [asker] = await site.identity.people([link.asked_by]) if link.asked_by else [None]
    page = bare_page(
        request,
        "link.html",
        status=told.status,
        form_token=form_token(visitor),
        told=told,
        note=note,
        token=token,
        correlation_id=request.state.request_id,
        provider_name=link.provider_name,
        asked_by=asker.name if asker else None,
    )
    page.headers["Referrer-Policy"] = "no-referrer"
    return page


async def _link(site: Site, token: str) -> answers.ReconnectLink:
    try:
        return await site.connections.link(token)
    except RequestRefused as refused:
        if refused.code != "not_found":
            raise
        return UNKNOWN


def _told(link: answers.ReconnectLink) -> Told:
    provider, organisation = link.provider_name, link.organisation_masked
    if link.state == "valid" and link.paused:
        return Told(f"{provider} is paused", say("provider.paused", provider=provider), "info", "clock")
    if link.state == "used" and link.login is not None:
        return _told_of_login(link, link.login)
    message = say(f"link.{link.state}", provider=provider, organisation=organisation)
    return {
        "valid": Told(f"Reconnect {provider}", message, "info", "link", can_use=True),
        "repaired": Told("Already repaired", message, "ok", "circle-check"),
        "used": Told("This link has been used", message, status=410, can_ask=True),
        "expired": Told("This link has expired", message, status=410, can_ask=True),
        "ended": Told("Nothing to reconnect", message, status=410),
        "unknown": Told("This link does not exist", message, status=404),
    }[link.state]


def _page_of_login(link: answers.ReconnectLink) -> str:
    """Where somebody who manages connections finishes the login that the link was used for."""
    assert link.login is not None
    connection = f"/b/{link.business_id}/settings/connections/{link.connection_id}"
    return f"{connection}/organisation?attempt={link.login.attempt_id}"


def _told_of_login(link: answers.ReconnectLink, login: answers.LinkLogin) -> Told:
    """What became of the login that the link was used for: everything but success, which is a repair."""
    provider, organisation = link.provider_name, link.organisation_masked
    match login.state:
        case "started":
            message = say("link.started", provider=provider)
            return Told(f"Not back from {provider} yet", message, icon="clock", look_again=True)
        case "returned":
            return Told("Not repaired yet", say("link.returned"), icon="clock", finish_href=_page_of_login(link))
        case _ if login.problem == "organisation_mismatch":
            message = say("link.mismatch", organisation=organisation)
            return Told(say("mismatch.title"), message, icon="triangle-alert", can_ask=True, code=login.problem)
        case _:
            message = what_went_wrong(login, provider)
            code = login.problem or login.state
            return Told("The login did not work", message, icon="triangle-alert", can_ask=True, code=code)
