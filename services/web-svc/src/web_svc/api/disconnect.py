"""Leaving a provider: what it means, what becomes of the lists, and whether the provider was told."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from web_svc.api.connections import Said
from web_svc.api.pages import ShownConnection, show, shown_connection
from web_svc.api.site import AManager, Posted, Reader, TheSite, key_of

router = APIRouter(prefix="/b/{business}/settings/connections/{connection_id}/disconnect")


@router.get("")
async def before_leaving(request: Request, site: TheSite, manager: AManager, connection_id: str) -> Response:
    view, rules = await asyncio.gather(
        shown_connection(site, manager, connection_id), site.rules.count(manager.speaker, connection_id)
    )
    if view.is_past:
        return RedirectResponse(f"/b/{manager.business_id}/settings/connections/{connection_id}", 303)
    return await _page(request, manager, view, rules=rules)


@router.post("")
async def disconnect(request: Request, site: TheSite, manager: AManager, form: Posted, connection_id: str) -> Response:
    """Leave, once the organisation was named where rules hang on it."""
    view, rules = await asyncio.gather(
        shown_connection(site, manager, connection_id), site.rules.count(manager.speaker, connection_id)
    )
    typed = str(form.get("organisation_name", "")).strip()
    if rules and typed.casefold() != view.organisation.casefold():
        return await _page(request, manager, view, rules=rules, mistyped=typed)
    access = await site.connections.disconnect(
        manager.speaker, connection_id, keep_lists=form.get("lists") != "clear", key=key_of(form)
    )
    said = {"given_back": Said.LEFT, "not_possible": Said.LEFT_NOT_POSSIBLE}.get(access, Said.LEFT_NOT_YET)
    return RedirectResponse(f"/b/{manager.business_id}/settings/connections/{connection_id}?said={said}", 303)


async def _page(
    request: Request, manager: Reader, view: ShownConnection, *, rules: int, mistyped: str | None = None
) -> Response:
    return await show(
        request,
        manager,
        "disconnect.html",
        status=200 if mistyped is None else 422,
        shown=view,
        rules=rules,
        mistyped=mistyped,
    )
