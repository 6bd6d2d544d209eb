"""Tells those who are asked to reconnect a connection."""

from chassis.consume import NotYetKnown
from chassis.database import Tx
from notifier_svc.domain.notices import Cause, Stage
from notifier_svc.handlers.telling import tell_once
from notifier_svc.store import connections
from relink_contracts.envelope import Received
from relink_contracts.events import ReconnectAsked


async def on_reconnect_asked(event: Received[ReconnectAsked], tx: Tx) -> None:
    """Whom it concerns is said in the event. Asked again they are told again; connection-svc sees that it is seldom."""
    data = event.data
    assert data is not None
    connection = await connections.get(tx, data.connection_id, data.business_id)
    if connection is None or connection.provider is None:
        raise NotYetKnown(f"connection {data.connection_id}")
    cause = Cause(
        stage=Stage.ASKED,
        connection=connection,
        generation=data.generation,
        happened_at=event.time,
        correlation_id=event.correlation_id,
        event_id=str(event.id),
        asked_by=data.asked_by,
        link_lifetime_seconds=data.link_lifetime_seconds,
    )
    await tell_once(tx, cause, data.recipient_user_ids, now=event.received_at)
