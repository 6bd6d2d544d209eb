"""The end of a grant: said once, and the repair begins in the same transaction."""

from datetime import datetime

import structlog

from chassis import outbox
from chassis.database import Tx
from connection_svc import metrics, outgoing
from connection_svc.domain.connection import Connection, DetectedBy, ExpiryReason
from connection_svc.domain.reconnect import ReconnectCase
from connection_svc.store import cases, connections, history
from relink_contracts.ids import new_id

_log = structlog.get_logger(__name__)


async def expire(
    tx: Tx, connection: Connection, reason: ExpiryReason, *, detected_by: DetectedBy, now: datetime
) -> Connection:
    """Mark the connection, whose row the caller holds, as dead and ask for its repair. Raises NotExpirable."""
    expired = connection.expire(reason, now=now)
    await connections.save(tx, expired)
    case = ReconnectCase(new_id("rec"), expired.business_id, expired.id, expired.generation, reason, opened_at=now)
    await cases.add(tx, case)
    await outbox.add(
        tx,
        outgoing.connection_expired(expired, detected_by=detected_by, at=now),
        outgoing.reconnect_requested(expired, case, stage=case.stage, at=now),
        outgoing.connection_state(expired, by=outgoing.SYSTEM, at=now),
    )
    details = {"reason": reason.value, "detected_by": detected_by.value}
    await history.add(tx, expired, history.Entry(now, "expired", "system", "connection-svc", details))
    metrics.expired.labels(expired.provider, reason, detected_by).inc()
    _log.info("connection.expired", connection_id=expired.id, reason=reason.value, detected_by=detected_by.value)
    return expired
