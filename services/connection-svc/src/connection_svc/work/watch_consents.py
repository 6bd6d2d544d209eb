"""The yearly clock: warns 30, 14, 7 and 1 days ahead, then expires. Several replicas share the connections."""

from datetime import datetime

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database, Tx
from connection_svc import outgoing
from connection_svc.domain.connection import Connection, DetectedBy, ExpiryReason, warn
from connection_svc.store import connections, history
from connection_svc.work.expire import expire


async def watch_consents(database: Database, clock: Clock) -> bool:
    """Tell what is due of up to 50 connections, each exactly once. True when more may be due."""
    now = clock.now()
    async with database.transaction() as tx:
        due = await connections.lock_watched(tx, now=now)
        for connection in due:
            await _tell(tx, connection, now=now)
    return len(due) == connections.WATCHED_AT_ONCE


async def _tell(tx: Tx, connection: Connection, *, now: datetime) -> None:
    if connection.has_lapsed(now=now):
        await expire(tx, connection, ExpiryReason.CONSENT_LAPSED, detected_by=DetectedBy.CLOCK, now=now)
        return
    warned = warn(connection, now=now)
    await connections.save(tx, warned)
    await outbox.add(tx, outgoing.connection_expiring(warned, at=now))
    details = {"stage": warned.warned_stage}
    await history.add(tx, warned, history.Entry(now, "warned", "system", "connection-svc", details))
