"""The customer leaves a provider."""

from typing import Annotated

from fastapi import APIRouter, Depends

from chassis import outbox
from chassis.service_tokens import Caller
from connection_svc import outgoing
from connection_svc.api import callers, problems
from connection_svc.api.confirm import close_case
from connection_svc.api.parts import Parts
from connection_svc.api.wire import ConnectionView, Disconnect, DisconnectedView, Id
from connection_svc.domain.access_return import AccessReturn, Outcome
from connection_svc.domain.reconnect import CaseOutcome
from connection_svc.store import access_returns, connections, grants, history


def router(parts: Parts) -> APIRouter:
    """`/api/v1/connections/{id}/disconnect`."""
    routes = APIRouter(prefix="/api/v1", tags=["connections"], **problems.TRANSLATED)
    administrator = callers.administrators(parts.gate)

    @routes.post("/connections/{connection_id}/disconnect")
    async def disconnect(
        connection_id: Id, body: Disconnect, caller: Annotated[Caller, Depends(administrator)]
    ) -> DisconnectedView:
        """Leave the provider. Access is given back there, later if it does not answer; nobody here uses it again."""
        now, by = parts.now(), outgoing.user(caller.subject)
        async with parts.database.acquire() as tx:
            connection = await connections.get(tx, caller.business_id, connection_id)
        connection.disconnect(now=now)  # refuses before the provider is told anything
        outcome = await parts.access_returner.give_back(connection)
        is_revoked = outcome is Outcome.GIVEN_BACK
        async with parts.database.transaction() as tx:
            current = await connections.get_for_update(tx, caller.business_id, connection_id)
            left = current.disconnect(now=now)
            await connections.save(tx, left)
            if outcome is Outcome.NOT_YET:
                await access_returns.add(tx, AccessReturn(left.id, left.business_id, since=now, due_at=now))
            else:
                await grants.remove(tx, left.business_id, left.id)
            await outbox.add(
                tx,
                outgoing.connection_disconnected(
                    left, lists_kept=body.keep_lists, revoked_at_provider=is_revoked, by=by, at=now
                ),
                outgoing.connection_state(left, by=by, at=now),
            )
            await close_case(tx, left, CaseOutcome.DISCONNECTED, by=by, now=now)
            details = {"lists_kept": body.keep_lists, "access": outcome.value}
            await history.add(tx, left, history.Entry(now, "disconnected", by.type, by.id, details))
        return DisconnectedView(
            **ConnectionView.of(left).model_dump(), revoked_at_provider=is_revoked, access=outcome.value
        )

    return routes
