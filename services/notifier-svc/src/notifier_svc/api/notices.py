"""The notices of whoever is signed in."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from chassis.clock import Clock
from chassis.database import Database
from chassis.http import allow, may_answer
from chassis.problems import Problem
from chassis.service_tokens import Caller, Gate
from notifier_svc.domain.notices import Connection, Notice, Stage
from notifier_svc.domain.wording import telling
from notifier_svc.store import connections, notices


class NoticeOut(BaseModel):
    notice_id: str
    stage: Stage
    connection_id: str
    provider: str | None
    organisation_name: str | None
    title: str
    body: str
    still_true: bool
    """False once the connection was repaired, replaced or given up."""
    happened_at: datetime
    created_at: datetime
    read_at: datetime | None


class NoticesOut(BaseModel):
    items: tuple[NoticeOut, ...]
    next: str | None


def router(database: Database, gate: Gate, clock: Clock) -> APIRouter:
    api = APIRouter(prefix="/api/v1/notices", tags=["notices"])
    person = Annotated[Caller, Depends(allow(gate, "admin", "member", "publisher", "accountant"))]

    @api.get("")
    async def own_notices(
        caller: person,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str, Query(max_length=100)] = "",
    ) -> NoticesOut:
        """The caller's notices in this business, the newest first."""
        async with database.transaction() as tx:
            found = await notices.of_person(tx, caller.business_id, caller.subject, before=cursor, limit=limit + 1)
            known = await connections.of_business(tx, caller.business_id)
        following = found[limit - 1].notice_id if len(found) > limit else None
        return NoticesOut(items=tuple(_out(notice, known) for notice in found[:limit]), next=following)

    @api.post("/{notice_id}/read", status_code=204, responses=may_answer(404))
    async def mark_read(notice_id: str, caller: person) -> None:
        """Reading it again changes nothing."""
        async with database.transaction() as tx:
            found = await notices.mark_read(tx, notice_id, caller.business_id, caller.subject, now=clock.now())
        if not found:
            raise Problem(404, "notice_unknown", "No such notice", f"There is no notice {notice_id} for you.")

    return api


def _out(notice: Notice, known: dict[str, Connection]) -> NoticeOut:
    connection = known[notice.connection_id]
    words = telling(notice, connection)
    return NoticeOut(
        notice_id=notice.notice_id,
        stage=notice.stage,
        connection_id=notice.connection_id,
        provider=connection.provider,
        organisation_name=connection.organisation_name,
        title=words.title,
        body=words.body,
        still_true=notice.is_still_true(connection),
        happened_at=notice.happened_at,
        created_at=notice.created_at,
        read_at=notice.read_at,
    )
