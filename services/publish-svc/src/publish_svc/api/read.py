"""Items, their history, and what waits at a connection."""

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from chassis.database import Database
from chassis.http import allow, may_answer
from chassis.problems import Problem
from chassis.service_tokens import Caller, Gate
from publish_svc.api.callers import READERS
from publish_svc.api.problems import connection_unknown, item_unknown
from publish_svc.api.wire import (
    CountsOut,
    HeldOut,
    HistoryEntryOut,
    HistoryOut,
    Id,
    ItemOut,
    ItemsOut,
    ReleaseOut,
    item_out,
)
from publish_svc.domain.items import ItemStatus
from publish_svc.domain.ledger import Attempt
from publish_svc.store import connections, items, ledger, releases

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200)]
Statuses = Annotated[list[ItemStatus], Query(default_factory=list)]


def router(database: Database, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/v1", tags=["items"])
    reader = Annotated[Caller, Depends(allow(gate, *READERS))]

    @api.get("/items")
    async def list_items(  # noqa: PLR0913, PLR0917 - one for each filter
        caller: reader,
        status: Statuses,
        reason: str | None = None,
        connection_id: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> ItemsOut:
        """The business's items, the newest first; several `status` are any of them."""
        async with database.transaction() as tx:
            found = await items.newest_first(
                tx,
                caller.business_id,
                statuses=status,
                reason=reason,
                connection_id=connection_id,
                before=_place_in(cursor),
                limit=limit + 1,
            )
        following = _cursor_at(found[limit - 1].id) if len(found) > limit else None
        return ItemsOut(items=tuple(map(item_out, found[:limit])), next=following)

    @api.get("/items/counts")
    async def count_items(caller: reader) -> CountsOut:
        """How many items there are of each status."""
        async with database.transaction() as tx:
            found = await items.counts(tx, caller.business_id)
        return CountsOut(statuses={status.value: found.get(status, 0) for status in ItemStatus})

    @api.get("/items/{item_id}", responses=may_answer(404))
    async def show_item(item_id: Id, caller: reader) -> ItemOut:
        async with database.transaction() as tx:
            item = await items.get(tx, caller.business_id, item_id)
        if item is None:
            raise item_unknown(item_id)
        return item_out(item)

    @api.get("/items/{item_id}/history", responses=may_answer(404))
    async def show_history(item_id: Id, caller: reader) -> HistoryOut:
        """Every status the item came to and every attempt at it, the oldest first."""
        async with database.transaction() as tx:
            if await items.get(tx, caller.business_id, item_id) is None:
                raise item_unknown(item_id)
            changes = await items.changes_of(tx, item_id)
            attempts = await ledger.attempts_of(tx, item_id)
        entries = [HistoryEntryOut(at=change.at, what=change.status, detail=change.reason) for change in changes]
        entries += map(_attempt_out, attempts)
        return HistoryOut(items=tuple(sorted(entries, key=lambda entry: entry.at)))

    @api.get("/connections/{connection_id}/held", responses=may_answer(404))
    async def show_held(connection_id: Id, caller: reader, limit: Limit = 50, cursor: Cursor = None) -> HeldOut:
        """What waits at the connection and why, in the order it will go, and how its last release stands."""
        async with database.transaction() as tx:
            connection = await connections.get(tx, connection_id)
            if connection is None or connection.business_id != caller.business_id:
                raise connection_unknown(connection_id)
            after = _position_in(cursor)
            found = await items.held_at(tx, caller.business_id, connection_id, after=after, limit=limit + 1)
            waiting = await items.count_held(tx, caller.business_id, connection_id)
            release = await releases.last_at(tx, caller.business_id, connection_id)
            tally = await releases.tally(tx, release.id) if release else None
        return HeldOut(
            connection_id=connection_id,
            gate=connection.gate.value,
            reason=connection.hold_reason,
            waiting=waiting,
            release=release
            and tally
            and ReleaseOut(
                release_id=release.id,
                trigger=release.trigger,
                total=release.waiting,
                published=tally.published,
                failed=tally.failed,
                unsettled=tally.unsettled,
                started_at=release.started_at,
            ),
            items=tuple(map(item_out, found[:limit])),
            next=_cursor_at(str(found[limit - 1].position)) if len(found) > limit else None,
        )

    return api


def _attempt_out(attempt: Attempt) -> HistoryEntryOut:
    outcome = attempt.outcome.value if attempt.outcome else "running"
    detail = f"{outcome}: {attempt.detail}" if attempt.detail else outcome
    return HistoryEntryOut(at=attempt.started_at, what="attempt", detail=detail, attempt=attempt.number)


def _cursor_at(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode()


def _place_in(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise _not_a_cursor() from error


def _position_in(cursor: str | None) -> int:
    place = _place_in(cursor) or "0"
    if not place.isdecimal():
        raise _not_a_cursor()
    return int(place)


def _not_a_cursor() -> Problem:
    return Problem(400, "cursor_invalid", "Not a cursor of this list", "Begin again without a cursor.")
