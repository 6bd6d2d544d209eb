"""Business settings, the connections in them, and what a manager does with one."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from web_svc.api.journeys import leave_to_connect, paused
from web_svc.api.pages import show, shown_connection, shown_connections
from web_svc.api.site import AManager, NothingHere, Posted, Reader, Site, TheSite, key_of
from web_svc.api.timeline import Entry, FirstLogin, connection_timeline, first_login
from web_svc.clients import RequestRefused
from web_svc.domain.standing import Standing
from web_svc.wording import say

router = APIRouter(prefix="/b/{business}")


class Said(StrEnum):
    """What somebody has just done to a connection: the id of the sentence that its page begins with."""

    LISTS_ASKED = "lists.asked"
    LISTS_FRESH = "lists.fresh"
    LEFT = "left.given_back"
    LEFT_NOT_YET = "left.not_yet"
    LEFT_NOT_POSSIBLE = "left.not_possible"
    SNOOZED = "repair.snoozed"
    SETTINGS_SAVED = "settings.saved"
    SETTINGS_CHANGED = "settings.conflict.unknown"


@router.get("/settings")
async def settings(request: Request, site: TheSite, manager: AManager) -> Response:
    connections = await shown_connections(site, manager)
    living = [each for each in connections.values() if not each.is_past]
    worst = min(living, key=lambda each: each.standing.severity, default=None)
    return await show(request, manager, "settings.html", worst=worst)


@router.get("/settings/connections")
async def connections(request: Request, site: TheSite, manager: AManager) -> Response:
    everything, providers = await asyncio.gather(
        shown_connections(site, manager), site.connections.providers(manager.speaker)
    )
    living = [each for each in everything.values() if not each.is_past]
    connected = {each.connection.provider for each in living if each.standing is not Standing.PENDING}
    return await show(
        request,
        manager,
        "connections.html",
        live="connections",
        connections=living,
        past=[each for each in everything.values() if each.is_past],
        available=[each for each in providers.values() if each.provider not in connected],
        paused=[each for each in providers.values() if each.paused],
    )


@router.get("/settings/connections/new/{provider}")
async def before_connecting(request: Request, site: TheSite, manager: AManager, provider: str) -> Response:
    providers = await site.connections.providers(manager.speaker)
    if provider not in providers:
        raise NothingHere
    if providers[provider].paused:
        return await paused(request, manager, providers[provider].display_name)
    return await show(request, manager, "connect.html", provider=providers[provider])


@router.post("/settings/connections/new/{provider}")
async def connect(request: Request, manager: AManager, form: Posted, provider: str) -> Response:
    return await leave_to_connect(request, manager, provider, form)


@router.get("/settings/connections/{connection_id}")
async def connection(
    request: Request, site: TheSite, manager: AManager, connection_id: str, said: Said | None = None
) -> Response:
    """Manage one connection."""
    speaker = manager.speaker
    view, history, explanation, rules = await asyncio.gather(
        shown_connection(site, manager, connection_id),
        _history(site, manager, connection_id),
        site.connections.explain(speaker, connection_id),
        site.rules.count(speaker, connection_id),
    )
    replaced = view.connection.replaces_connection_id
    return await show(
        request,
        manager,
        "connection.html",
        live="connection",
        shown=view,
        explanation=explanation,
        first=history.first_login,
        history=history.entries,
        rules=rules,
        unmatched=await site.rules.count(speaker, replaced) if replaced else 0,
        note=say(said, provider=view.provider_name) if said else None,
    )


@router.get("/settings/connections/{connection_id}/history")
async def history(
    request: Request, site: TheSite, manager: AManager, connection_id: str, cursor: str | None = None
) -> Response:
    """Why it stands as it does, and everything that happened to it."""
    view, told, explanation = await asyncio.gather(
        shown_connection(site, manager, connection_id),
        _history(site, manager, connection_id, cursor=cursor),
        site.connections.explain(manager.speaker, connection_id),
    )
    return await show(
        request, manager, "history.html", shown=view, history=told.entries, next=told.next, explanation=explanation
    )


@router.post("/settings/connections/{connection_id}/refresh")
async def refresh(site: TheSite, manager: AManager, form: Posted, connection_id: str) -> Response:
    """Refresh integration data."""
    said = await refresh_lists(site, manager, connection_id, key=key_of(form))
    here = f"{manager.connections}/{connection_id}"
    return RedirectResponse(f"{here}/done" if form.get("back") == "done" else f"{here}?said={said}", 303)


async def refresh_lists(site: Site, manager: Reader, connection_id: str, *, key: str) -> Said:
    """Lists that were read a moment ago are fresh enough."""
    try:
        await site.syncs.refresh(manager.speaker, connection_id, key=key)
    except RequestRefused as refused:
        if refused.code != "cooling_down":
            raise
        return Said.LISTS_FRESH
    return Said.LISTS_ASKED


@dataclass(frozen=True)
class History:
    """Some of what happened, the latest first, and the cursor of what was before."""

    entries: list[Entry]
    first_login: FirstLogin | None
    next: str | None


async def _history(site: Site, manager: Reader, connection_id: str, *, cursor: str | None = None) -> History:
    page = await site.connections.history(manager.speaker, connection_id, cursor=cursor)
    people = sorted({entry.by for entry in page.items if entry.by and entry.by.startswith("usr_")})
    known = zip(people, await site.identity.people(people), strict=True)
    names = {user_id: person.name for user_id, person in known}
    return History(connection_timeline(page.items, names), first_login(page.items, names), page.next)
