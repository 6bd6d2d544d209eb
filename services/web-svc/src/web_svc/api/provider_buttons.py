"""Where the providers' own buttons lead: *Reconnect* and *Disconnect*, at addresses that never change."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from web_svc.api.pages import ShownConnection, bare_page, shown
from web_svc.api.site import NoBusiness, NothingHere, Reader, SignedIn, Site, TheSite, Visitor
from web_svc.wording import say

router = APIRouter(prefix="/connect/{provider}")


@dataclass(frozen=True)
class Place:
    """A connection to the provider in one of the businesses that the visitor manages."""

    manager: Reader
    shown: ShownConnection

    @property
    def address(self) -> str:
        return f"/b/{self.manager.business_id}/settings/connections/{self.shown.id}"


@router.get("/reconnect")
async def reconnect(request: Request, site: TheSite, visitor: SignedIn, provider: str) -> Response:
    """On to the only broken connection, or the choice."""
    name, places = await _places(site, visitor, provider)
    broken = [place for place in places if place.shown.standing.needs_a_login]
    if len(broken) == 1:
        return RedirectResponse(f"{broken[0].address}/reconnect", 303)
    return _page(request, broken or places, f"Reconnect {name}", say("button.reconnect", provider=name))


@router.get("/disconnected")
async def disconnected(
    request: Request,
    site: TheSite,
    visitor: SignedIn,
    provider: str,
    organisation_id: Annotated[str | None, Query(alias="realmId", max_length=100)] = None,
) -> Response:
    """Somebody pressed *Disconnect* there, says the address alone: the provider is asked whether it is so.

    QuickBooks names the organisation; where nobody does, each connection is looked into.
    """
    name, everywhere = await _places(site, visitor, provider)
    places = [each for each in everywhere if organisation_id in {None, each.shown.connection.organisation_id}]
    await asyncio.gather(*(_check(site, place) for place in places))
    return _page(request, places, f"{name} was disconnected", say("button.disconnected", provider=name))


async def _check(site: Site, place: Place) -> None:
    await site.connections.check(place.manager.speaker, place.shown.id, key=site.new_secret())


async def _places(site: Site, visitor: Visitor, provider: str) -> tuple[str, list[Place]]:
    """What the provider is called, and the living connections to it that this visitor may reconnect."""
    memberships = site.memberships.of(visitor.user_id)
    if not memberships:
        raise NoBusiness
    providers = await site.connections.providers(Reader(visitor, memberships[0]).speaker)
    if provider not in providers:
        raise NothingHere
    managers = [Reader(visitor, membership) for membership in memberships if membership.manages_connections]
    found = await asyncio.gather(*(site.connections.all(manager.speaker) for manager in managers))
    places = [
        Place(manager, shown(site, connection, providers=providers))
        for manager, connections in zip(managers, found, strict=True)
        for connection in connections
        if connection.provider == provider
    ]
    return providers[provider].display_name, [place for place in places if place.shown.can_reconnect]


def _page(request: Request, places: list[Place], title: str, message: Markup) -> Response:
    return bare_page(request, "provider_button.html", title=title, message=message, places=places)
