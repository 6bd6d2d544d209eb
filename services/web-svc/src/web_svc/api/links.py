"""Pages for browsers that need not be signed in: a reconnect link, and a login that came back to nowhere."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_svc import answers
from web_svc.api.pages import bare_page, leave_for
from web_svc.api.site import FormTooOld, TheSite, check_form, form_token, key_of, login_binding
from web_svc.clients import RequestRefused
from web_svc.domain.attempts import message_of
from web_svc.wording import say

router = APIRouter()

VISITOR_COOKIE = "visitor"
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
    return leave_for(request, start_url, binding=login_binding(visitor), provider_name=link.provider_name)


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
    return bare_page(
        request,
        "link.html",
        status=STATUS[link.state],
        state=link.state,
        provider_name=link.provider_name,
        message=say(f"link.{link.state}", provider=link.provider_name, organisation=link.organisation_masked),
        form_token=form_token(visitor),
    )
