"""Change connection: to other software, or to another organisation of the same."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from web_svc.api.journeys import home, join_or_take_over, leave, paused, running_of_another
from web_svc.api.pages import show, shown
from web_svc.api.site import AManager, NothingHere, Posted, TheSite
from web_svc.clients import Journey

router = APIRouter(prefix="/b/{business}/settings/connections/{connection_id}/change")


@router.get("")
async def choose_software(request: Request, site: TheSite, manager: AManager, connection_id: str) -> Response:
    """Step 1: what happens to the old connection, its lists and rules, and which software is next."""
    connection, providers, rules = await asyncio.gather(
        site.connections.one(manager.speaker, connection_id),
        site.connections.providers(manager.speaker),
        site.rules.count(manager.speaker, connection_id),
    )
    view = shown(site, connection, providers=providers)
    if not view.can_reconnect:
        return RedirectResponse(home(manager, connection_id), 303)
    return await show(request, manager, "change.html", shown=view, rules=rules, software=providers.values())


@router.get("/{provider}")
async def before_changing(
    request: Request, site: TheSite, manager: AManager, connection_id: str, provider: str
) -> Response:
    """Step 2: the summary, before the login."""
    connection, providers, other = await asyncio.gather(
        site.connections.one(manager.speaker, connection_id),
        site.connections.providers(manager.speaker),
        running_of_another(request, manager, connection_id),
    )
    if provider not in providers:
        raise NothingHere
    if providers[provider].paused:
        return await paused(request, manager, providers[provider].display_name)
    if other is not None:
        return await join_or_take_over(request, manager, other, came_from="")
    view, name = shown(site, connection, providers=providers), providers[provider].display_name
    return await show(request, manager, "change_to.html", shown=view, provider=provider, provider_name=name)


@router.post("/{provider}")
async def change(  # noqa: PLR0913, PLR0917 - the parts of one request
    request: Request, site: TheSite, manager: AManager, form: Posted, connection_id: str, provider: str
) -> Response:
    """Connect software. The old connection works until the new one is confirmed."""
    return_to = f"{site.public_url}{home(manager, connection_id)}/organisation"
    return await leave(request, manager, Journey(provider, "change", connection_id, return_to), form)
