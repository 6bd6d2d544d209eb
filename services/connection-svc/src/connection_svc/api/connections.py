"""Connections as people see them."""

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from chassis.database import Tx
from chassis.http import Problem
from chassis.service_tokens import Caller
from connection_svc.api import callers, problems
from connection_svc.api.parts import Parts
from connection_svc.api.wire import (
    ConnectionPage,
    ConnectionView,
    Explanation,
    HistoryEntry,
    HistoryPage,
    Id,
    ProviderPage,
    ProviderView,
)
from connection_svc.domain.connection import Connection
from connection_svc.domain.explain import Circumstances, explain
from connection_svc.store import access_returns, cases, connections, grants, history, provider_health

LATEST = 2**62

Limit = Annotated[int, Query(ge=1, le=200)]


def router(parts: Parts) -> APIRouter:
    """The resource `connections`, and what the providers can do."""
    routes = APIRouter(prefix="/api/v1", tags=["connections"], **problems.TRANSLATED)
    reader = callers.readers(parts.gate)

    @routes.get("/providers")
    async def providers(_: Annotated[Caller, Depends(reader)]) -> ProviderPage:
        """Every accounting software, and what it supports."""
        return ProviderPage(
            items=[
                ProviderView(
                    provider=name,
                    display_name=provider.facts.display_name,
                    lists=list(provider.facts.lists),
                    kinds=["bill"],
                    supports_supplier_warning=provider.facts.supports_supplier_warning,
                    mobile=provider.facts.mobile,
                    paused=name in parts.paused,
                    revocation=provider.facts.revocation.name.lower(),
                )
                for name, provider in parts.providers.items()
            ]
        )

    @routes.get("/connections")
    async def every(caller: Annotated[Caller, Depends(reader)], limit: Limit = 50, cursor: str = "") -> ConnectionPage:
        """The business's connections, the oldest first, ended ones too."""
        async with parts.database.acquire() as tx:
            found = await connections.of_business(tx, caller.business_id, after=_opened(cursor), limit=limit + 1)
        items = [ConnectionView.of(connection) for connection in found[:limit]]
        return ConnectionPage(items=items, next=_cursor(items[-1].connection_id) if len(found) > limit else None)

    @routes.get("/connections/{connection_id}")
    async def one(connection_id: Id, caller: Annotated[Caller, Depends(reader)]) -> ConnectionView:
        """The connection as it is now."""
        async with parts.database.acquire() as tx:
            return ConnectionView.of(await connections.get(tx, caller.business_id, connection_id))

    @routes.get("/connections/{connection_id}/history")
    async def timeline(
        connection_id: Id, caller: Annotated[Caller, Depends(reader)], limit: Limit = 50, cursor: str = ""
    ) -> HistoryPage:
        """What happened to it, the latest first."""
        before = _opened(cursor)
        if before and not _is_number(before):
            raise _bad_cursor()
        async with parts.database.acquire() as tx:
            connection = await connections.get(tx, caller.business_id, connection_id)
            lines = await history.of_connection(tx, connection, before=int(before or LATEST), limit=limit + 1)
        more = _cursor(str(lines[limit - 1].number)) if len(lines) > limit else None
        return HistoryPage(items=[_line(entry) for entry in lines[:limit]], next=more)

    @routes.get("/connections/{connection_id}/explain")
    async def why(connection_id: Id, caller: Annotated[Caller, Depends(reader)]) -> Explanation:
        """Why it is as it is, and what happens next, in words."""
        async with parts.database.acquire() as tx:
            connection = await connections.get(tx, caller.business_id, connection_id)
            around = await _circumstances(tx, parts, connection)
        reason, following = explain(connection, around, now=parts.now())
        return Explanation(why=reason, next=following)

    return routes


async def _circumstances(tx: Tx, parts: Parts, connection: Connection) -> Circumstances:
    successor = None
    if connection.replaced_by_connection_id is not None:
        newer = await connections.get(tx, connection.business_id, connection.replaced_by_connection_id)
        assert newer.organisation is not None, "a successor is made with its organisation"
        successor = f"{newer.organisation.name} in {_name_of(parts, newer)}"
    return Circumstances(
        provider_name=_name_of(parts, connection),
        is_quarantined=await grants.is_quarantined(tx, connection),
        is_degraded=(await provider_health.get(tx, connection.provider)).is_degraded,
        is_leaving=await access_returns.is_due(tx, connection),
        case=await cases.shown_open(tx, connection),
        successor=successor,
    )


def _name_of(parts: Parts, connection: Connection) -> str:
    return parts.providers[connection.provider].facts.display_name


def _line(entry: history.Entry) -> HistoryEntry:
    detail = ", ".join(f"{name.replace('_', ' ')}: {_words(value)}" for name, value in entry.details.items())
    return HistoryEntry(at=entry.at, what=entry.what, by=entry.actor_id, detail=detail or None)


def _words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return " and ".join(_words(one) for one in value)
        case _:
            return str(value).replace("_", " ")


def _cursor(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode()


def _opened(cursor: str) -> str:
    try:
        position = base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError):
        raise _bad_cursor() from None
    if not position.isprintable():
        raise _bad_cursor()
    return position


def _is_number(position: str) -> bool:
    return position.isascii() and position.isdecimal() and int(position) <= LATEST


def _bad_cursor() -> Problem:
    return Problem(400, "cursor_invalid", "Not a cursor", "Take the cursor from `next` of the page before.")
