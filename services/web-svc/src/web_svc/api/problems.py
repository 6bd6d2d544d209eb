"""Every error as a page: what happened, what it means, and one way on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from web_svc.api.pages import ask_administrators, bare_page, show
from web_svc.api.signin import sign_in_address
from web_svc.api.site import BusinessNotChosen, FormTooOld, ManagersOnly, NoBusiness, NothingHere, SignInNeeded, site_of
from web_svc.clients import RequestRefused, ServiceUnavailable
from web_svc.oidc import IdentityProviderUnavailable, SignInFailed
from web_svc.wording import say

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Told:
    """How one kind of problem is told."""

    status: int
    title: str
    message_id: str
    tone: str = "warn"
    icon: str = "triangle-alert"
    action: str = "Back to the inbox"
    href: str = "/"


SIGNED_OUT = Told(401, "Sign in again", "error.signed_out", "info", "lock", "Sign in", "/sign-in")
SIGN_IN_FAILED = Told(403, "Not signed in", "error.sign_in", "warn", "lock", "Sign in", "/sign-in")
NO_BUSINESS = Told(403, "No business yet", "error.no_business", "info", "building-2", "Sign in again", "/sign-in")
OLD_FORM = Told(403, "This form is too old", "error.form")
NOT_ALLOWED = Told(403, "Not allowed", "error.forbidden", "info", "lock")
NOTHING_HERE = Told(404, "Nothing here", "error.not_found", "info", "circle-help")
CHANGED = Told(409, "Something changed meanwhile", "error.conflict")
OUR_FAULT = Told(500, "A fault on our side", "error.internal", "bad", "circle-alert")
UNAVAILABLE = Told(503, "Not available just now", "error.unavailable", "warn", "cloud-off", "Try again")

ALWAYS_TOLD: dict[type[Exception], Told] = {
    SignInFailed: SIGN_IN_FAILED,
    NoBusiness: NO_BUSINESS,
    FormTooOld: OLD_FORM,
    NothingHere: NOTHING_HERE,
    RequestValidationError: NOTHING_HERE,  # an address that does not fit its page is no address of ours
    ServiceUnavailable: UNAVAILABLE,
    IdentityProviderUnavailable: UNAVAILABLE,
}


def install(app: FastAPI) -> None:
    """Show these errors as pages. What nobody expected is answered by the chassis and dressed by `browser.py`."""
    for error, told in ALWAYS_TOLD.items():
        app.add_exception_handler(error, _teller(told))
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(BusinessNotChosen, _choose_business)
    app.add_exception_handler(ManagersOnly, _managers_only)
    app.add_exception_handler(RequestRefused, _refused)
    app.add_exception_handler(HTTPException, _framework)


def told_by_status(status: int) -> Told:
    known = {401: SIGNED_OUT, 403: NOT_ALLOWED, 404: NOTHING_HERE, 405: NOTHING_HERE, 500: OUR_FAULT, 503: UNAVAILABLE}
    return known.get(status, CHANGED)


def _teller(told: Told) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def tell(request: Request, error: Exception) -> Response:
        log.info("page.refused", status=told.status, reason=str(error))
        return await _tell(request, told)

    return tell


async def _tell(
    request: Request,
    told: Told,
    *,
    detail: str | None = None,
    code: str | None = None,
    correlation_id: str | None = None,
) -> Response:
    """In the shell for somebody whose business we know, bare otherwise."""
    again = told is UNAVAILABLE and request.method == "GET"
    facts: dict[str, Any] = {
        "title": told.title,
        "message": say(told.message_id),
        "tone": told.tone,
        "icon": told.icon,
        "action": told.action,
        "href": request.url.path if again else told.href,
        "detail": detail,
        "code": code,
        "correlation_id": correlation_id or request.state.request_id,
    }
    reader = getattr(request.state, "reader", None)
    if reader is None:
        return bare_page(request, "problem.html", status=told.status, **facts)
    return await show(request, reader, "problem.html", status=told.status, **facts)


async def _sign_in(request: Request, _error: Exception) -> Response:
    """A page leads to the sign-in; a form or a fragment is told that the session has ended."""
    if request.method != "GET" or "HX-Request" in request.headers or request.url.path.endswith("/events"):
        return await _tell(request, SIGNED_OUT)
    return RedirectResponse(sign_in_address(request.url.path, request.url.query), 303)


async def _choose_business(request: Request, _error: Exception) -> Response:
    """A page leads to the choice and from there back; a form begins anew."""
    here = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    wanted = urlencode({"back": here if request.method == "GET" else "/m/settings"})
    return RedirectResponse(f"/m/business?{wanted}", 303)


async def _managers_only(request: Request, error: Exception) -> Response:
    """Who may do it, and a way to ask them."""
    assert isinstance(error, ManagersOnly)
    site, reader = site_of(request), error.reader
    people = await site.identity.people(site.memberships.whom_to_ask(reader.business_id))
    names = ", ".join(person.name for person in people)
    is_own = bool(site.memberships.administrators(reader.business_id))
    return await show(
        request,
        reader,
        "managers_only.html",
        status=403,
        message=say("forbidden" if is_own or not people else "forbidden.accountant", names=names),
        ask_href=await ask_administrators(site, reader, "your accounting software"),
    )


async def _refused(request: Request, error: Exception) -> Response:
    """Another service said no: its words, and its correlation id."""
    assert isinstance(error, RequestRefused)
    log.info("page.refused_by_service", service=error.service, status=error.status, code=error.code)
    is_unheard = error.status == SIGNED_OUT.status  # of us, not of the person: our own token was not believed
    told = UNAVAILABLE if is_unheard else told_by_status(error.status)
    detail = error.detail if told is CHANGED else None
    return await _tell(request, told, detail=detail, code=error.code, correlation_id=error.correlation_id)


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return await _tell(request, told_by_status(error.status_code))
