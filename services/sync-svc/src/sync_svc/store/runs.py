"""Runs, and the ones that are to do."""

import json
from dataclasses import asdict
from datetime import datetime

import asyncpg

from chassis.database import Tx
from sync_svc.domain.errors import ChangedMeanwhile
from sync_svc.domain.runs import Blame, Failure, ListResult, Result, Run, RunState

_ADD = """INSERT INTO runs (id, business_id, connection_id, generation, trigger, lists, state, attempts, requested_at,
        due_at, revision)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0) ON CONFLICT DO NOTHING"""
_GET = "SELECT * FROM runs WHERE business_id = $1 AND id = $2"
_LATEST = "SELECT * FROM runs WHERE business_id = $1 AND connection_id = $2 ORDER BY requested_at DESC LIMIT 1"
_CLAIM = """SELECT * FROM runs WHERE state IN ('waiting', 'running') AND due_at <= $1
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
_SAVE = """UPDATE runs SET generation = $3, state = $4, attempts = $5, due_at = $6, ended_at = $7, code = $8,
        blames = $9, result = $10, revision = revision + 1
    WHERE id = $1 AND revision = $2 RETURNING *"""


async def add_unless_known(tx: Tx, run: Run) -> None:
    """Does nothing for a run that is here already, however far it has come."""
    await tx.execute(
        _ADD,
        run.id,
        run.business_id,
        run.connection_id,
        run.generation,
        run.trigger,
        list(run.lists),
        run.state,
        run.attempts,
        run.requested_at,
        run.due_at,
    )


async def get(tx: Tx, business_id: str, sync_id: str) -> Run | None:
    row = await tx.fetchrow(_GET, business_id, sync_id)
    return _run(row) if row else None


async def latest(tx: Tx, business_id: str, connection_id: str) -> Run | None:
    row = await tx.fetchrow(_LATEST, business_id, connection_id)
    return _run(row) if row else None


async def claim(tx: Tx, *, now: datetime) -> Run | None:
    """A run to begin, or one that nobody has looked after: nobody else's until `tx` ends."""
    row = await tx.fetchrow(_CLAIM, now)
    return _run(row) if row else None


async def save(tx: Tx, run: Run) -> Run:
    """The run as it is stored now. Raises ChangedMeanwhile."""
    row = await tx.fetchrow(
        _SAVE,
        run.id,
        run.revision,
        run.generation,
        run.state,
        run.attempts,
        run.due_at,
        run.ended_at,
        run.failure.code if run.failure else None,
        run.failure.blames if run.failure else None,
        json.dumps(asdict(run.result)) if run.result else None,
    )
    if row is None:
        raise ChangedMeanwhile(f"run {run.id}", run.revision)
    return _run(row)


def _run(row: asyncpg.Record) -> Run:
    return Run(
        id=row["id"],
        business_id=row["business_id"],
        connection_id=row["connection_id"],
        generation=row["generation"],
        trigger=row["trigger"],
        lists=tuple(row["lists"]),
        requested_at=row["requested_at"],
        due_at=row["due_at"],
        state=RunState(row["state"]),
        attempts=row["attempts"],
        ended_at=row["ended_at"],
        failure=Failure(row["code"], Blame(row["blames"])) if row["code"] else None,
        result=_result(row["result"]) if row["result"] else None,
        revision=row["revision"],
    )


def _result(text: str) -> Result:
    fields = json.loads(text)
    lists = {name: ListResult(**one) for name, one in fields.pop("lists").items()}
    return Result(lists=lists, **fields)
