"""Lists as they were read."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from chassis.database import Database
from chassis.http import allow, may_answer
from chassis.service_tokens import Caller, Gate
from list_svc.api.paging import next_cursor, page_by, with_one_more
from list_svc.api.problems import told_as_problems
from list_svc.domain.lists import Completeness, Entry, ListKey, ListPicture
from list_svc.domain.paging import Page
from list_svc.domain.rules import UnknownConnection
from list_svc.store import connections, entries


class ListChange(BaseModel):
    added: int
    updated: int
    removed: int


class ListOut(BaseModel):
    list: str
    state: Completeness
    entries: int
    list_version: int | None
    updated_at: datetime | None
    last_change: ListChange | None


class ListsOut(BaseModel):
    items: tuple[ListOut, ...]
    next: None = None


class EntryOut(BaseModel):
    external_id: str
    parent_id: str | None
    name: str
    code: str | None
    type: str | None
    tax_treatment: str | None
    valid_tax_rates: tuple[str, ...] | None
    active: bool


class EntriesOut(BaseModel):
    items: tuple[EntryOut, ...]
    next: str | None


def router(database: Database, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/v1/connections/{connection_id}/lists", tags=["lists"], responses=may_answer(404))
    reader = Annotated[Caller, Depends(allow(gate, "admin", "member", "publisher", "accountant", "operator"))]

    @api.get("")
    async def lists_of_connection(connection_id: str, caller: reader) -> ListsOut:
        """Every list of which anything has arrived, and whether it is complete."""
        with told_as_problems():
            async with database.transaction() as tx:
                if not await connections.exists(tx, connection_id, caller.business_id):
                    raise UnknownConnection(connection_id)
                pictures = await entries.lists(tx, connection_id, caller.business_id)
        return ListsOut(items=tuple(_list_out(picture) for picture in pictures))

    @api.get("/{list_name}/entries")
    async def entries_of_list(
        connection_id: str,
        list_name: str,
        caller: reader,
        page: Annotated[Page, Depends(page_by(parts=2))],
        q: Annotated[str, Query(max_length=200)] = "",
    ) -> EntriesOut:
        """Entries by name; `q` is part of the name or the beginning of the code."""
        where = ListKey(caller.business_id, connection_id, list_name)
        with told_as_problems():
            async with database.transaction() as tx:
                if not await connections.exists(tx, connection_id, caller.business_id):
                    raise UnknownConnection(connection_id)
                found = await entries.search(tx, where, q, with_one_more(page))
        following = next_cursor(found, page, lambda entry: (entry.name, entry.key.external_id))
        return EntriesOut(items=tuple(map(_entry_out, found[: page.limit])), next=following)

    return api


def _list_out(picture: ListPicture) -> ListOut:
    run = picture.run
    return ListOut(
        list=picture.list,
        state=picture.completeness,
        entries=picture.entries,
        list_version=run.list_version if run else None,
        updated_at=run.completed_at if run else None,
        last_change=ListChange(added=run.added, updated=run.updated, removed=run.removed) if run else None,
    )


def _entry_out(entry: Entry) -> EntryOut:
    return EntryOut(
        external_id=entry.key.external_id,
        parent_id=entry.parent_id,
        name=entry.name,
        code=entry.code,
        type=entry.type,
        tax_treatment=entry.tax_treatment,
        valid_tax_rates=entry.valid_tax_rates,
        active=entry.active,
    )
