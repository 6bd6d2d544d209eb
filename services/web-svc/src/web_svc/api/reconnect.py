"""Before you go: what stays, what happens at the provider, and off to its login."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from web_svc.api.journeys import INBOX, at_both_places, home, join_or_take_over, leave, paused, running_of_another
from web_svc.api.pages import show, shown
from web_svc.api.site import AManager, Posted, TheSite
from web_svc.clients import Journey

steps = APIRouter()


@steps.get("/reconnect")
async def before_you_go(
    request: Request,
    site: TheSite,
    manager: AManager,
    connection_id: str,
    came_from: Annotated[str, Query(alias="from")] = "",
) -> Response:
    connection, providers, other = await asyncio.gather(
        site.connections.one(manager.speaker, connection_id),
        site.connections.providers(manager.speaker),
        running_of_another(request, manager, connection_id),
    )
    view = shown(site, connection, providers=providers)
    if view.provider.paused:
        return await paused(request, manager, view.provider_name)
    if other is not None:
        return await join_or_take_over(request, manager, other, came_from=came_from)
    return await show(
        request,
        manager,
        "reconnect.html",
        shown=view,
        cancel_href=home(manager, connection_id, came_from),
        came_from=came_from,
    )


@steps.post("/reconnect")
async def reconnect(request: Request, site: TheSite, manager: AManager, form: Posted, connection_id: str) -> Response:
    connection = await site.connections.one(manager.speaker, connection_id)
    came_from = f"?from={INBOX}" if form.get("from") == INBOX else ""
    return_to = f"{site.public_url}{home(manager, connection_id)}/organisation{came_from}"
    return await leave(request, manager, Journey(connection.provider, "reconnect", connection_id, return_to), form)


router = at_both_places(steps)
