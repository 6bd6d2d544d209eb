"""The items inbox: what is to publish, what waits and why, what was refused."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from web_svc import answers
from web_svc.api.pages import ShownConnection, show, show_banner, show_part, shown_connections
from web_svc.api.site import AReader, Posted, Reader, Site, TheSite, key_of
from web_svc.api.timeline import item_timeline
from web_svc.domain.items import Tab, message_of, waits_for_login
from web_svc.wording import say

router = APIRouter(prefix="/b/{business}")


@dataclass(frozen=True)
class Row:
    """An item with the sentence that explains it."""

    item: answers.Item
    provider_name: str
    message: Markup | None

    @property
    def tone(self) -> str:
        return "bad" if self.item.status in {"failed", "ready"} else "info"


@router.get("/inbox")
async def inbox(
    request: Request, site: TheSite, reader: AReader, tab: Tab = Tab.REVIEW, cursor: str | None = None
) -> Response:
    return await show(request, reader, "inbox.html", live="items", **await _inbox(site, reader, tab, cursor=cursor))


@router.get("/banner")
async def banner(request: Request, reader: AReader) -> Response:
    return await show_banner(request, reader)


@router.get("/items/{item_id}")
async def item(request: Request, site: TheSite, reader: AReader, item_id: str) -> Response:
    found, history, connections = await asyncio.gather(
        site.items.one(reader.speaker, item_id),
        site.items.history(reader.speaker, item_id),
        shown_connections(site, reader),
    )
    row, leads_to = _row(found, connections), connections.get(found.connection_id)
    return await show(
        request,
        reader,
        "item.html",
        live="item",
        item=found,
        tone=row.tone,
        message=row.message,
        provider_name=row.provider_name,
        needs_login=waits_for_login(found.reason) and leads_to is not None and leads_to.standing.needs_a_login,
        tab=Tab.of(found.status),
        history=item_timeline(history),
    )


@router.post("/items/publish")
async def publish_many(request: Request, site: TheSite, reader: AReader, form: Posted) -> Response:
    ids = [str(each) for each in form.getlist("id")]
    await site.items.publish_all(reader.speaker, ids, key=key_of(form))
    return await _after(request, site, reader, form, published=len(ids))


@router.post("/items/{item_id}/publish")
async def publish(request: Request, site: TheSite, reader: AReader, form: Posted, item_id: str) -> Response:
    await site.items.publish(reader.speaker, item_id, key=key_of(form))
    return await _after(request, site, reader, form, published=1)


@router.post("/items/{item_id}/retry")
async def retry(request: Request, site: TheSite, reader: AReader, form: Posted, item_id: str) -> Response:
    await site.items.retry(reader.speaker, item_id, key=key_of(form))
    return await _after(request, site, reader, form, published=1)


async def _after(request: Request, site: Site, reader: Reader, form: FormData, *, published: int) -> Response:
    """Where a publish leads: the list in place for an open inbox, otherwise back to the page it was pressed on."""
    tab = Tab(str(form["tab"])) if form.get("tab") in set(Tab) else None
    if tab is not None and "HX-Request" in request.headers:
        facts = await _inbox(site, reader, tab, note=say("inbox.published", n=published))
        return show_part(request, reader, "inbox.html", "items", **facts)
    back = f"/b/{reader.business_id}/inbox?tab={tab}" if tab else request.url.path.rpartition("/")[0]
    return RedirectResponse(back, 303)


async def _inbox(
    site: Site, reader: Reader, tab: Tab, *, cursor: str | None = None, note: Markup | None = None
) -> dict[str, Any]:
    found, counts, connections = await asyncio.gather(
        site.items.with_status(reader.speaker, tab.statuses, cursor=cursor),
        site.items.counts(reader.speaker),
        shown_connections(site, reader),
    )
    per_tab = {each: sum(counts.get(status, 0) for status in each.statuses) for each in Tab}
    return {
        "tab": tab,
        "counts": per_tab,
        "nothing_at_all": not any(per_tab.values()),
        "items": [_row(item, connections) for item in found.items],
        "groups": [each for each in connections.values() if each.waiting] if tab is Tab.WAITING else [],
        "next": found.next,
        "note": note,
    }


def _row(item: answers.Item, connections: Mapping[str, ShownConnection]) -> Row:
    connection = connections.get(item.connection_id)
    provider_name = connection.provider_name if connection else "the accounting software"
    message_id = message_of(item.status, reason=item.reason, has_provider_message=bool(item.provider_message))
    facts = {"provider": provider_name, "provider_message": item.provider_message or ""}
    return Row(item, provider_name, say(message_id, **facts) if message_id else None)
