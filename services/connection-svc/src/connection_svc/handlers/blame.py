"""A failure elsewhere blames a connection of ours."""

from datetime import datetime

from chassis.consume import NotYetKnown
from chassis.database import Tx
from connection_svc.domain.connection import Lifecycle
from connection_svc.store import checks, connections
from connection_svc.store.checks import Check
from connection_svc.store.connections import UnknownConnection


async def look_into(tx: Tx, check: Check, *, now: datetime) -> None:
    """Have it checked if it counts as working; one that is known not to work needs no check.

    The report itself changes nothing: a healthy connection is not expired by a mistaken one.
    """
    try:
        connection = await connections.get(tx, check.business_id, check.connection_id)
    except UnknownConnection as unknown:
        raise NotYetKnown(str(unknown)) from None
    if connection.lifecycle is Lifecycle.ACTIVE:
        await checks.report(tx, check, now=now)
