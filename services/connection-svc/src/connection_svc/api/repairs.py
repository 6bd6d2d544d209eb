"""What people do about a connection that does not work, short of reconnecting it: ask, put off, have it looked at."""

from typing import Annotated

from fastapi import APIRouter, Depends

from chassis import outbox
from chassis.database import Tx
from chassis.service_tokens import Caller
from connection_svc import outgoing
from connection_svc.api import callers, problems
from connection_svc.api.parts import Parts
from connection_svc.api.wire import Asked, Id, Snooze, Snoozed
from connection_svc.domain.connection import Connection, DetectedBy, Lifecycle
from connection_svc.domain.people import whom_to_ask
from connection_svc.domain.reconnect import LINK_LIFETIME, NothingToRepair, ReconnectCase
from connection_svc.store import cases, checks, connections, history, members
from connection_svc.store.checks import Check


def router(parts: Parts) -> APIRouter:
    """`ask-admin`, `snooze` and `check` of a connection."""
    routes = APIRouter(
        prefix="/api/v1/connections/{connection_id}",
        tags=["repairs"],
        **problems.TRANSLATED,
    )
    person, administrator = callers.people(parts.gate), callers.administrators(parts.gate)

    @routes.post("/ask-admin")
    async def ask(connection_id: Id, caller: Annotated[Caller, Depends(person)]) -> Asked:
        """Ask those who may reconnect; at most once a day for all who ask. 409 when there is nothing to repair."""
        now, by = parts.now(), outgoing.user(caller.subject)
        async with parts.database.transaction() as tx:
            connection, case = await _open_case(tx, caller.business_id, connection_id)
            recipients = whom_to_ask(await members.of_business(tx, caller.business_id), asked_by=caller.subject)
            asked = case.ask(now=now)
            if asked != case:
                await cases.save(tx, asked)
                event = outgoing.reconnect_asked(
                    connection, asked, recipients, link_lifetime=LINK_LIFETIME, by=by, at=now
                )
                await outbox.add(tx, event)
                await history.add(tx, connection, history.Entry(now, "admins_asked", by.type, by.id))
        return Asked(asked_at=asked.asked_at or now, recipient_user_ids=recipients)

    @routes.post("/snooze")
    async def snooze(connection_id: str, wanted: Snooze, caller: Annotated[Caller, Depends(administrator)]) -> Snoozed:
        """No reminder before then, and one then, unless it is repaired. 409 when there is nothing to repair."""
        now, by = parts.now(), outgoing.user(caller.subject)
        async with parts.database.transaction() as tx:
            connection, case = await _open_case(tx, caller.business_id, connection_id)
            await cases.save(tx, case.snooze(wanted.until, now=now))
            details = {"until": wanted.until.isoformat(timespec="seconds")}
            await history.add(tx, connection, history.Entry(now, "snoozed", by.type, by.id, details))
        return Snoozed(until=wanted.until)

    @routes.post("/check", status_code=202)
    async def check(connection_id: Id, caller: Annotated[Caller, Depends(administrator)]) -> None:
        """Somebody came from the provider's *Disconnect* button: ask the provider whether that is so."""
        now = parts.now()
        async with parts.database.transaction() as tx:
            connection = await connections.get(tx, caller.business_id, connection_id)
            if connection.lifecycle is Lifecycle.ACTIVE:
                report = Check(connection.id, connection.business_id, DetectedBy.PROVIDER_NOTICE, reported_at=now)
                await checks.report(tx, report, now=now)

    return routes


async def _open_case(tx: Tx, business_id: str, connection_id: str) -> tuple[Connection, ReconnectCase]:
    """The connection, its row locked, and its open case. Raises UnknownConnection and NothingToRepair."""
    connection = await connections.get_for_update(tx, business_id, connection_id)
    case = await cases.find_open(tx, business_id, connection_id)
    if case is None:
        raise NothingToRepair(connection_id)
    return connection, case
