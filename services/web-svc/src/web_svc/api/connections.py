"""Business settings, the connections in them, and what a manager does with one."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from web_svc.api.pages import leave_for, show, shown_connection, shown_connections
from web_svc.api.site import AManager, NothingHere, Posted, TheSite, key_of
from web_svc.api.timeline import connection_timeline
from web_svc.clients import RequestRefused
from web_svc.domain.standing import Standing
from web_svc.wording import say

router = APIRouter(prefix="/b/{business}")

PAST = {Standing.DISCONNECTED, Standing.REPLACED}


@router.get("/settings")
async def settings(request: Request, site: TheSite, manager: AManager) -> Response:
    connections = await shown_connections(site, manager)
    living = [each for each in connections.values() if each.standing not in PAST]
    worst = min(living, key=lambda each: each.standing.severity, default=None)
    return await show(request, manager, "settings.html", worst=worst)


@router.get("/settings/connections")
async def connections(request: Request, site: TheSite, manager: AManager) -> Response:
    everything, names = await asyncio.gather(
        shown_connections(site, manager), site.connections.provider_names(manager.speaker)
    )
    living = [each for each in everything.values() if each.standing not in PAST]
    connected = {each.connection.provider for each in living if each.standing is not Standing.PENDING}
    return await show(
        request,
        manager,
        "connections.html",
        live="connections",
        connections=living,
        past=[each for each in everything.values() if each.standing in PAST],
        available=[(provider, name) for provider, name in names.items() if provider not in connected],
    )


@router.get("/settings/connections/new/{provider}")
async def before_connecting(request: Request, site: TheSite, manager: AManager, provider: str) -> Response:
    names = await site.connections.provider_names(manager.speaker)
    if provider not in names:
        raise NothingHere
    return await show(request, manager, "connect.html", provider=provider, provider_name=names[provider])


@router.post("/settings/connections/new/{provider}")
async def connect(request: Request, site: TheSite, manager: AManager, form: Posted, provider: str) -> Response:
    begun = [
        each.connection_id
        for each in await site.connections.all(manager.speaker)
        if each.provider == provider and each.lifecycle == "pending"
    ]
    started = await site.connections.begin_connecting(
        manager.speaker,
        provider,
        pending_id=next(iter(begun), None),
        return_to=f"{site.public_url}/b/{manager.business_id}/settings/connections/new/organisation",
        binding=manager.visitor.login_binding,
        key=key_of(form),
    )
    names = await site.connections.provider_names(manager.speaker)
    return leave_for(request, started.start_url, binding=manager.visitor.login_binding, provider_name=names[provider])


@router.get("/settings/connections/{connection_id}")
async def connection(
    request: Request,
    site: TheSite,
    manager: AManager,
    connection_id: str,
    lists: Literal["asked", "fresh"] | None = None,
) -> Response:
    """Manage one connection."""
    speaker = manager.speaker
    view, history, explanation, rules = await asyncio.gather(
        shown_connection(site, manager, connection_id),
        site.connections.history(speaker, connection_id),
        site.connections.explain(speaker, connection_id),
        site.rules.count(speaker, connection_id),
    )
    people = sorted({entry.by for entry in history if entry.by and entry.by.startswith("usr_")})
    known = zip(people, await site.identity.people(people), strict=True)
    return await show(
        request,
        manager,
        "connection.html",
        live="connection",
        shown=view,
        explanation=explanation,
        history=connection_timeline(history, {user_id: person.name for user_id, person in known}),
        rules=rules,
        note=say(f"lists.{lists}") if lists else None,
    )


@router.post("/settings/connections/{connection_id}/refresh")
async def refresh(site: TheSite, manager: AManager, form: Posted, connection_id: str) -> Response:
    """Refresh integration data. Lists that were read a moment ago are fresh enough."""
    note = "asked"
    try:
        await site.syncs.refresh(manager.speaker, connection_id, key=key_of(form))
    except RequestRefused as refused:
        if refused.code != "cooling_down":
            raise
        note = "fresh"
    return RedirectResponse(f"/b/{manager.business_id}/settings/connections/{connection_id}?lists={note}", 303)
