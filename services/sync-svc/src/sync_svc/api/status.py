"""How synchronising stands: last, next, and single runs."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from chassis.clock import Clock
from chassis.database import Database
from chassis.http import allow, may_answer
from chassis.service_tokens import Caller, Gate
from sync_svc.api.problems import told_as_problems
from sync_svc.domain.entries import ListState
from sync_svc.domain.errors import UnknownConnection, UnknownRun
from sync_svc.domain.runs import ListResult, Run
from sync_svc.store import connections, entries, runs, schedules


def routes(gate: Gate, database: Database, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["sync"], responses=may_answer(404))
    may_read = Depends(allow(gate, "admin", "member", "publisher", "accountant", "operator"))

    @router.get("/connections/{connection_id}/sync")
    async def sync(connection_id: str, caller: Annotated[Caller, may_read]) -> dict[str, Any]:
        """When the lists were read, when they will be, and what they hold. `next_due_at` is null while suspended."""
        async with database.acquire() as tx:
            connection = await connections.get(tx, caller.business_id, connection_id)
            schedule = await schedules.get(tx, caller.business_id, connection_id)
            run = await runs.latest(tx, caller.business_id, connection_id)
            lists = await entries.states(tx, caller.business_id, connection_id)
        with told_as_problems(now=clock.now()):
            if connection is None:
                raise UnknownConnection(connection_id)
        suspended = schedule is None or not connection.is_usable
        return {
            "connection_id": connection_id,
            "suspended": suspended,
            "next_due_at": None if schedule is None or suspended else _said(schedule.due_at),
            "completed_at": _said(schedule.completed_at) if schedule else None,
            "open_sync_id": schedule.open_sync_id if schedule else None,
            "latest_run": _run(run) if run else None,
            "lists": [_list(one) for one in lists.values()],
        }

    @router.get("/sync-runs/{sync_id}")
    async def sync_run(sync_id: str, caller: Annotated[Caller, may_read]) -> dict[str, Any]:
        """One run. A run asked for less than a moment ago may still be unknown."""
        async with database.acquire() as tx:
            run = await runs.get(tx, caller.business_id, sync_id)
        with told_as_problems(now=clock.now()):
            if run is None:
                raise UnknownRun(sync_id)
        return _run(run)

    return router


def _run(run: Run) -> dict[str, Any]:
    return {
        "sync_id": run.id,
        "connection_id": run.connection_id,
        "trigger": run.trigger,
        "state": run.state,
        "requested_at": _said(run.requested_at),
        "ended_at": _said(run.ended_at),
        "retry_at": _said(run.retry_at) if run.failure else None,
        "attempts": run.attempts,
        "code": run.failure.code if run.failure else None,
        "blames": run.failure.blames if run.failure else None,
        "lists": {name: _counts(one) for name, one in run.result.lists.items()} if run.result else None,
        "provider_calls": run.result.provider_calls if run.result else None,
        "provider_bytes": run.result.provider_bytes if run.result else None,
        "duration_ms": run.result.duration_ms if run.result else None,
    }


def _counts(result: ListResult) -> dict[str, int]:
    return {"added": result.added, "updated": result.updated, "removed": result.removed, "total": result.total}


def _list(state: ListState) -> dict[str, Any]:
    return {"list": state.list, "version": state.version, "total": state.total, "read_at": _said(state.read_at)}


def _said(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
