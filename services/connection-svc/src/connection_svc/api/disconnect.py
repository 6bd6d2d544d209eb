"""The customer leaves a provider."""

import asyncio
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends

from chassis import outbox
from chassis.service_tokens import Caller
from connection_svc import incoming, outgoing
from connection_svc.api import callers, problems
from connection_svc.api.confirm import close_case
from connection_svc.api.parts import Parts
from connection_svc.api.wire import ConnectionView, Disconnect, Id
from connection_svc.domain.connection import Connection
from connection_svc.domain.reconnect import CaseOutcome
from connection_svc.store import connections, grants, history
from connection_svc.store.sealing import Undecipherable
from providers.errors import ProviderError
from providers.interface import Revocation

REVOKE_SECONDS = 10.0

_log = structlog.get_logger(__name__)


def router(parts: Parts) -> APIRouter:
    """`/api/v1/connections/{id}/disconnect`."""
    routes = APIRouter(prefix="/api/v1", tags=["connections"], dependencies=[Depends(problems.translated)])
    administrator = callers.administrators(parts.gate)

    @routes.post("/connections/{connection_id}/disconnect")
    async def disconnect(
        connection_id: Id, body: Disconnect, caller: Annotated[Caller, Depends(administrator)]
    ) -> ConnectionView:
        """Leave the provider. Access is given back there if it answers; either way nobody here uses it again."""
        now, by = parts.now(), outgoing.user(caller.subject)
        async with parts.database.acquire() as tx:
            connection = await connections.get(tx, caller.business_id, connection_id)
        connection.disconnect(now=now)  # refuses before the provider is told anything
        is_revoked = await _revoke(parts, connection)
        async with parts.database.transaction() as tx:
            current = await connections.get_for_update(tx, caller.business_id, connection_id)
            left = current.disconnect(now=now)
            await connections.save(tx, left)
            await grants.remove(tx, left.business_id, left.id)
            await outbox.add(
                tx,
                outgoing.connection_disconnected(
                    left, lists_kept=body.keep_lists, revoked_at_provider=is_revoked, by=by, at=now
                ),
                outgoing.connection_state(left, by=by, at=now),
            )
            await close_case(tx, left, CaseOutcome.DISCONNECTED, by=by, now=now)
            details = {"lists_kept": body.keep_lists, "revoked_at_provider": is_revoked}
            await history.add(tx, left, history.Entry(now, "disconnected", by.type, by.id, details))
        return ConnectionView.of(left)

    return routes


async def _revoke(parts: Parts, connection: Connection) -> bool:
    """Give our access back; False when there was none, the provider takes none back or was not to be reached."""
    provider = parts.providers[connection.provider]
    if provider.facts.revocation is Revocation.NOT_OFFERED:
        return False
    try:
        async with parts.database.acquire() as tx:
            grant = await grants.find(tx, parts.vault, connection.business_id, connection.id)
        if grant is None or connection.organisation is None:
            return False
        async with asyncio.timeout(REVOKE_SECONDS):
            asked = incoming.grant_of_login(grant.tokens, connection.organisation)
            await provider.revoke(asked)
    except (ProviderError, TimeoutError, Undecipherable) as trouble:
        _log.warning("connection.not_revoked", connection_id=connection.id, error=str(trouble))
        return False
    return True
