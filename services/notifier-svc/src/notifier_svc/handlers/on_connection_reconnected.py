"""Tells those who were told of an expiry that it is repaired."""

from chassis.consume import NotYetKnown
from chassis.database import Tx
from notifier_svc.domain.notices import Cause, Stage
from notifier_svc.handlers.telling import tell_once
from notifier_svc.store import connections, notices
from relink_contracts.envelope import Received
from relink_contracts.events import ConnectionReconnected


async def on_connection_reconnected(event: Received[ConnectionReconnected], tx: Tx) -> None:
    """Mails that still wait are withdrawn when their turn comes: they look at our picture of the connection."""
    data = event.data
    assert data is not None
    connection = await connections.get(tx, data.connection_id, data.business_id)
    if connection is None:
        raise NotYetKnown(f"connection {data.connection_id}")
    cause = Cause(
        stage=Stage.REPAIRED,
        connection=connection,
        generation=data.generation,
        happened_at=event.time,
        correlation_id=event.correlation_id,
        event_id=str(event.id),
    )
    before = data.generation - 1
    told = await notices.told(tx, data.business_id, data.connection_id, before, Stage.EXPIRED)
    await tell_once(tx, cause, told, now=event.received_at)
