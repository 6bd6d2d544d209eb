"""A failure elsewhere blames a connection of ours, or its provider."""

from datetime import datetime

from chassis.consume import NotYetKnown
from chassis.database import Tx
from connection_svc.domain.connection import Connection, Lifecycle
from connection_svc.store import checks, connections, provider_health
from connection_svc.store.checks import Check
from connection_svc.store.connections import UnknownConnection


async def look_into(tx: Tx, check: Check, *, now: datetime) -> None:
    """Have it checked if it counts as working; one that is known not to work needs no check.

    The report itself changes nothing: a healthy connection is not expired by a mistaken one.
    """
    connection = await _known(tx, check.business_id, check.connection_id)
    if connection.lifecycle is Lifecycle.ACTIVE:
        await checks.report(tx, check, now=now)


async def blame_provider(tx: Tx, business_id: str, connection_id: str, symptom: str, *, now: datetime) -> None:
    """Keep it for the judgement of the provider's health."""
    connection = await _known(tx, business_id, connection_id)
    await provider_health.note(tx, connection, symptom, now=now)


async def _known(tx: Tx, business_id: str, connection_id: str) -> Connection:
    try:
        return await connections.get(tx, business_id, connection_id)
    except UnknownConnection as unknown:
        raise NotYetKnown(str(unknown)) from None
