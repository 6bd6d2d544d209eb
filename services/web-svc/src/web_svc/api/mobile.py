"""The pages under `/m`: Settings at the bottom right, Integrations, one software, and what can be done on a phone.

The steps of a login are the same as at a desk, around them is another shell (`Reader.channel`).
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from web_svc import answers
from web_svc.api.connections import Said, refresh_lists
from web_svc.api.journeys import home, leave_to_connect
from web_svc.api.pages import ShownConnection, bare_page, show, shown_connections, shown_settings
from web_svc.api.site import (
    BUSINESS_COOKIE,
    AManager,
    AReader,
    NoBusiness,
    NothingHere,
    Posted,
    Reader,
    SignedIn,
    Site,
    TheSite,
    key_of,
)
from web_svc.clients import RequestRefused
from web_svc.domain.returning import safe_return
from web_svc.wording import say

router = APIRouter(prefix="/m")

BUSINESS_KEPT = timedelta(days=365)


@router.get("")
async def start(reader: AReader) -> Response:
    """The inbox fits a phone as it is."""
    return RedirectResponse(f"/b/{reader.business_id}/inbox", 303)


@router.get("/settings")
async def settings(request: Request, site: TheSite, reader: AReader) -> Response:
    connections = await shown_connections(site, reader) if reader.manages else {}
    living = [each for each in connections.values() if not each.is_past and each.provider.mobile]
    worst = min(living, key=lambda each: each.standing.severity, default=None)
    return await show(request, reader, "mobile_settings.html", worst=worst)


@router.get("/business")
async def businesses(request: Request, site: TheSite, visitor: SignedIn, back: str = "/m/settings") -> Response:
    """Which business the pages under `/m` are about, for somebody of several."""
    mine = site.memberships.of(visitor.user_id)
    if not mine:
        raise NoBusiness
    chosen = request.cookies.get(site.cookie(BUSINESS_COOKIE))
    return bare_page(
        request,
        "mobile_business.html",
        form_token=visitor.form_token,
        businesses=[membership.business_id for membership in mine],
        chosen=chosen,
        back=safe_return(back),
    )


@router.post("/business")
async def choose_business(site: TheSite, visitor: SignedIn, form: Posted) -> Response:
    """Remember it in this browser. What is not this person's business is not chosen."""
    chosen = str(form.get("business", ""))
    if site.memberships.find(chosen, visitor.user_id) is None:
        raise NothingHere
    back = RedirectResponse(safe_return(str(form.get("back", ""))), 303)
    seconds, name = round(BUSINESS_KEPT.total_seconds()), site.cookie(BUSINESS_COOKIE)
    back.set_cookie(name, chosen, seconds, path="/", secure=site.is_secure, httponly=True, samesite="lax")
    return back


@dataclass(frozen=True)
class Software:
    """One software and the connection to it that needs most, if there is one."""

    provider: answers.Provider
    shown: ShownConnection | None


@router.get("/settings/integrations")
async def integrations(request: Request, site: TheSite, manager: AManager) -> Response:
    """Every software that can be connected on a phone, the one that needs most on top."""
    providers, connections = await asyncio.gather(
        site.connections.providers(manager.speaker), shown_connections(site, manager)
    )
    living = sorted((c for c in connections.values() if not c.is_past), key=lambda c: c.standing.severity)
    names = [c.connection.provider for c in living] + list(providers)
    software = [
        Software(providers[name], next((c for c in living if c.connection.provider == name), None))
        for name in dict.fromkeys(names)
        if name in providers and providers[name].mobile
    ]
    return await show(request, manager, "mobile_integrations.html", live="integrations", software=software)


@router.get("/settings/integrations/new/{provider}")
async def before_connecting(request: Request, site: TheSite, manager: AManager, provider: str) -> Response:
    """What connecting does."""
    known = await _provider(site, manager, provider)
    return await show(request, manager, "mobile_connect.html", provider=known)


@router.post("/settings/integrations/new/{provider}")
async def connect(request: Request, site: TheSite, manager: AManager, form: Posted, provider: str) -> Response:
    known = await _provider(site, manager, provider)
    if not known.mobile:
        raise NothingHere
    return await leave_to_connect(request, manager, provider, form)


@router.get("/settings/integrations/{connection_id}")
async def integration(
    request: Request, site: TheSite, manager: AManager, connection_id: str, said: Said | None = None
) -> Response:
    kept = await shown_settings(site, manager, connection_id)
    return await show(
        request,
        manager,
        "mobile_integration.html",
        live="integration",
        shown=kept.shown,
        warns=kept.settings.warn_new_supplier if kept.shown.provider.supports_supplier_warning else None,
        version=kept.version,
        note=say(said, provider=kept.shown.provider_name) if said else None,
    )


@router.post("/settings/integrations/{connection_id}/refresh")
async def refresh(site: TheSite, manager: AManager, form: Posted, connection_id: str) -> Response:
    """Refresh integration data."""
    said = await refresh_lists(site, manager, connection_id, key=key_of(form))
    return RedirectResponse(f"{home(manager, connection_id)}?said={said}", 303)


@router.post("/settings/integrations/{connection_id}/warn-new-supplier")
async def warn_new_supplier(site: TheSite, manager: AManager, form: Posted, connection_id: str) -> Response:
    """The one setting that is changed on a phone."""
    current, _ = await site.connections.settings(manager.speaker, connection_id)
    wanted = current.model_copy(update={"warn_new_supplier": form.get("warn") == "on"})
    said, version = Said.SETTINGS_SAVED, str(form.get("version", ""))
    try:
        await site.connections.change_settings(
            manager.speaker, connection_id, wanted, version=version, channel=manager.channel
        )
    except RequestRefused as refused:
        if refused.code != "settings_changed":
            raise
        said = Said.SETTINGS_CHANGED
    return RedirectResponse(f"{home(manager, connection_id)}?said={said}", 303)


async def _provider(site: Site, manager: Reader, name: str) -> answers.Provider:
    providers = await site.connections.providers(manager.speaker)
    if name not in providers:
        raise NothingHere
    return providers[name]
