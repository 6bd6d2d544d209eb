"""Signing in at the identity provider and out again, and the choice of the theme."""

import secrets
from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from web_svc.api.pages import THEMES, bare_page
from web_svc.api.site import NoBusiness, Posted, SignedIn, Site, TheSite
from web_svc.domain.returning import safe_return
from web_svc.oidc import SignInFailed
from web_svc.store.sessions import Session, SignIn

router = APIRouter()

SIGN_IN_TAKES = timedelta(minutes=10)
THEME_KEPT = timedelta(days=365)


@router.get("/")
async def home(site: TheSite, visitor: SignedIn) -> Response:
    """The inbox of the first business."""
    memberships = site.memberships.of(visitor.user_id)
    if not memberships:
        raise NoBusiness
    return RedirectResponse(f"/b/{memberships[0].business_id}/inbox", 303)


@router.get("/sign-in")
async def sign_in(site: TheSite, return_to: str | None = None) -> Response:
    """Leave for the identity provider, bound to this browser by a cookie."""
    departure = await site.identity_provider.depart()
    sign_in_id, now = site.new_secret(), site.system_clock.now()
    began = SignIn(departure.state, departure.nonce, departure.verifier, safe_return(return_to))
    await site.sessions.begin(sign_in_id, began, expires_at=now + SIGN_IN_TAKES)
    leaving = RedirectResponse(departure.url, 303)
    _keep(leaving, site, "sign_in", sign_in_id, SIGN_IN_TAKES)
    return leaving


@router.get("/sign-in/callback")
async def callback(
    request: Request, site: TheSite, state: str = "", code: str = "", error: str | None = None
) -> Response:
    """Come back with a code: a session begins, under a new id."""
    now = site.system_clock.now()
    began = await site.sessions.take(request.cookies.get(site.cookie("sign_in"), ""), now=now)
    if error is not None or began is None or not secrets.compare_digest(began.state.encode(), state.encode()):
        raise SignInFailed(error or "nobody of this browser left with this state")
    user_id = await site.identity_provider.arrive(code=code, verifier=began.verifier, nonce=began.nonce)
    session_id = site.new_secret()
    await site.sessions.open(session_id, Session(user_id, now + site.session_lifetime), now=now)
    arrived = RedirectResponse(began.return_to, 303)
    _keep(arrived, site, "session", session_id, site.session_lifetime)
    _drop(arrived, site, "sign_in")
    return arrived


@router.post("/sign-out")
async def sign_out(request: Request, site: TheSite, _form: Posted) -> Response:
    """End the session here. The identity provider's own session is its own matter."""
    await site.sessions.close(request.cookies[site.cookie("session")])
    gone = RedirectResponse("/signed-out", 303)
    _drop(gone, site, "session")
    return gone


@router.get("/signed-out")
async def signed_out(request: Request) -> Response:
    return bare_page(request, "signed_out.html")


@router.post("/theme")
async def choose_theme(site: TheSite, form: Posted) -> Response:
    """Keep the theme in a cookie, so that the first byte of each page knows it."""
    chosen = str(form.get("theme"))
    back = RedirectResponse(safe_return(str(form.get("back"))), 303)
    if chosen in THEMES:
        kept = round(THEME_KEPT.total_seconds())
        back.set_cookie("relink_theme", chosen, kept, secure=site.is_secure, httponly=True, samesite="lax")
    return back


def sign_in_address(path: str, query: str) -> str:
    """Where to sign in, and come back to this page after it."""
    wanted = safe_return(f"{path}?{query}" if query else path)
    return "/sign-in?" + urlencode({"return_to": wanted})


def _keep(answer: Response, site: Site, name: str, value: str, lifetime: timedelta) -> None:
    seconds = round(lifetime.total_seconds())
    answer.set_cookie(site.cookie(name), value, seconds, path="/", secure=site.is_secure, httponly=True, samesite="lax")


def _drop(answer: Response, site: Site, name: str) -> None:
    answer.delete_cookie(site.cookie(name), path="/", secure=site.is_secure, httponly=True, samesite="lax")
