"""Refresh integration data: somebody wants the lists read now."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database, Tx
from chassis.http import allow, may_answer
from chassis.service_tokens import Caller, Gate
from relink_contracts.envelope import Outgoing
from relink_contracts.fields import ListName
from relink_contracts.ids import new_id
from sync_svc import outgoing
from sync_svc.api.problems import told_as_problems
from sync_svc.domain.connections import Connection
from sync_svc.domain.errors import NotUsable, UnknownConnection
from sync_svc.domain.schedules import Pace, Schedule
from sync_svc.store import connections, schedules


class RefreshRequest(BaseModel):
    """No `lists`: all that the provider has."""

    model_config = ConfigDict(extra="forbid")

    lists: tuple[ListName, ...] = ()


def routes(gate: Gate, database: Database, clock: Clock, pace: Pace) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["sync"])
    may_refresh = Depends(allow(gate, "admin", "member", "publisher", "accountant"))

    @router.post("/connections/{connection_id}/refresh", status_code=202, responses=may_answer(404, 409, 429))
    async def refresh(
        connection_id: str,
        response: Response,
        caller: Annotated[Caller, may_refresh],
        wanted: RefreshRequest | None = None,
    ) -> dict[str, Any]:
        """Read the lists now. Joins a run that is open; 429 when they were read a moment ago."""
        now, lists = clock.now(), wanted.lists if wanted else ()
        with told_as_problems(now=now):
            async with database.transaction() as tx:
                connection, schedule = await _usable(tx, caller, connection_id)
                joined = schedule.open_sync_id if schedule.has_open_run(now=now) else None
                sync_id = joined or new_id("syn")
                if not joined:
                    asked = schedule.ask_by_hand(sync_id, generation=connection.generation, now=now, pace=pace)
                    await schedules.save(tx, asked)
                    await outbox.add(tx, _requested(connection, sync_id, caller, at=now, lists=lists))
        response.headers["Location"] = f"/api/v1/sync-runs/{sync_id}"
        return {"sync_id": sync_id, "joined": joined is not None}

    return router


async def _usable(tx: Tx, caller: Caller, connection_id: str) -> tuple[Connection, Schedule]:
    """The caller's connection, if its lists can be read. Its schedule is nobody else's until `tx` ends."""
    schedule = await schedules.get_for_update(tx, caller.business_id, connection_id)
    connection = await connections.get(tx, caller.business_id, connection_id)
    if connection is None:
        raise UnknownConnection(connection_id)
    if schedule is None or not connection.is_usable:
        raise NotUsable(connection_id, connection.lifecycle)
    return connection, schedule


def _requested(
    connection: Connection, sync_id: str, caller: Caller, *, at: datetime, lists: tuple[str, ...]
) -> Outgoing:
    return outgoing.sync_requested(connection, sync_id, "user", at=at, lists=lists, user_id=caller.subject)
