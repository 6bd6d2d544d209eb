"""`/r/{token}`: a reconnect link. Reading it changes nothing, so that mail scanners cannot spend it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_svc import answers
from web_svc.api.pages import bare_page, leave_for
from web_svc.api.site import TheSite, check_form, form_token, key_of
from web_svc.clients import LINK_HOLDER, RequestRefused
from web_svc.wording import say

router = APIRouter()

VISITOR_COOKIE = "visitor"
NO_SUCH_LINK = {"not_found", "unknown_link"}


@router.get("/r/{token}")
async def look(request: Request, site: TheSite, token: str) -> Response:
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
    visitor = request.cookies.get(site.cookie(VISITOR_COOKIE), "")
    form = await request.form()
    check_form(form, form_token(visitor))
    link = await site.connections.link(token)
    try:
        start_url = await site.connections.consume_link(token, key=key_of(form))
    except RequestRefused:
        return await _page(request, site, token, visitor)
    names = await site.connections.provider_names(LINK_HOLDER)
    return leave_for(request, start_url, provider_name=names.get(link.provider, link.provider))


async def _page(request: Request, site: TheSite, token: str, visitor: str) -> Response:
    try:
        link = await site.connections.link(token)
    except RequestRefused as refused:
        if refused.code not in NO_SUCH_LINK:
            raise
        link = answers.ReconnectLink(state="unknown", provider="", organisation_masked="")
    names = await site.connections.provider_names(LINK_HOLDER)
    name = names.get(link.provider, link.provider)
    message = say(f"link.{link.state}", provider=name, organisation=link.organisation_masked)
    status = 200 if link.state == "valid" else 404 if link.state == "unknown" else 410
    return bare_page(
        request,
        "link.html",
        status=status,
        state=link.state,
        provider_name=name,
        message=message,
        form_token=form_token(visitor),
    )
