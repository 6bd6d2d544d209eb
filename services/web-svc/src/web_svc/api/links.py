"""Pages for browsers that need not be signed in: a reconnect link, and a login that came back to nowhere."""

from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from web_svc import answers
from web_svc.api.pages import LOGIN_TAKES, bare_page, leave_for
from web_svc.api.signin import sign_in_address
from web_svc.api.site import FormTooOld, TheSite, check_form, form_token, key_of, login_binding, site_of
from web_svc.clients import RequestRefused
from web_svc.domain.attempts import message_of
from web_svc.wording import say

router = APIRouter()

VISITOR_COOKIE = "visitor"
LINK_COOKIE = "link"
"""The link that this browser has spent: who is not signed in comes back to it from the provider."""
STATUS = {"valid": 200, "repaired": 200, "used": 410, "expired": 410, "unknown": 404}


@router.get("/r/{token}")
async def look(request: Request, site: TheSite, token: str) -> Response:
    """What a reconnect link leads to. Reading changes nothing, so that mail scanners cannot spend it."""
    visitor = request.cookies.get(site.cookie(VISITOR_COOKIE)) or site.new_secret()
    answer = await _page(request, site, token, visitor)
    answer.set_cookie(
        site.cookie(VISITOR_COOKIE), visitor, path="/", secure=site.is_secure, httponly=True, samesite="lax"
    )
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@router.post("/r/{token}")
async def use(request: Request, site: TheSite, token: str) -> Response:
    """Spend the link and leave for the provider's login. It signs nobody in here."""
    visitor = request.cookies.get(site.cookie(VISITOR_COOKIE))
    if not visitor:
        raise FormTooOld
    form = await request.form()
    check_form(form, form_token(visitor))
    link = await site.connections.link(token)
    try:
        start_url = await site.connections.consume_link(token, binding=login_binding(visitor), key=key_of(form))
    except RequestRefused:
        return await _page(request, site, token, visitor)
    leaving = leave_for(request, start_url, binding=login_binding(visitor), provider_name=link.provider_name)
    seconds = round(LOGIN_TAKES.total_seconds())
    leaving.set_cookie(
        site.cookie(LINK_COOKIE), token, seconds, path="/", secure=site.is_secure, httponly=True, samesite="lax"
    )
    return leaving


@router.get("/r/{token}/back")
async def back(request: Request, site: TheSite, token: str, to: str = "") -> Response:
    """Back from the provider without being signed in: all is well, or somebody has to sign in to go on at `to`."""
    link = await site.connections.link(token)
    if link.state != "used":
        return RedirectResponse(f"/r/{token}", 303)
    message = say("link.back", organisation=link.organisation_masked)
    path, _, query = to.partition("?")
    page = bare_page(request, "link_back.html", message=message, sign_in_href=sign_in_address(path, query))
    page.headers["Referrer-Policy"] = "no-referrer"
    return page


def way_back(request: Request) -> str | None:
    """Where a browser that left through a link, and in which nobody is signed in, is led from the attempt's page."""
    token = request.cookies.get(site_of(request).cookie(LINK_COOKIE))
    if token is None or not request.url.path.endswith("/organisation"):
        return None
    to = f"{request.url.path}?{request.url.query}"
    return f"/r/{quote(token, safe='')}/back?{urlencode({'to': to})}"


@router.get("/connect/problem")
async def login_came_back_to_nowhere(request: Request, code: str = "") -> Response:
    """Where connection-svc sends a browser that did not ask for the login, or a callback that belongs to none."""
    message = say(message_of(code), provider="The accounting software")
    return bare_page(request, "came_back.html", message=message, code=code, correlation_id=request.state.request_id)


async def _page(request: Request, site: TheSite, token: str, visitor: str) -> Response:
    try:
        link = await site.connections.link(token)
    except RequestRefused as refused:
        if refused.code != "not_found":
            raise
        link = answers.ReconnectLink(state="unknown", provider_name="", organisation_masked="")
    [asker] = await site.identity.people([link.asked_by]) if link.asked_by else [None]
    return bare_page(
        request,
        "link.html",
        status=STATUS[link.state],
        state=link.state,
        provider_name=link.provider_name,
        asked_by=asker.name if asker else None,
        message=say(f"link.{link.state}", provider=link.provider_name, organisation=link.organisation_masked),
        form_token=form_token(visitor),
    )
