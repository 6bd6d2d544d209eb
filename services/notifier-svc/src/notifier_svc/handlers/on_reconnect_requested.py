"""Tells everybody who can repair a connection that it expired, and reminds them."""

from typing import Final

from chassis.consume import NotYetKnown
from chassis.database import Tx
from notifier_svc.domain.notices import Cause, Stage
from notifier_svc.handlers.telling import tell_once
from notifier_svc.store import connections, members
from relink_contracts.envelope import Received
from relink_contracts.events import ReconnectRequested

STAGES: Final = {
    "opened": Stage.EXPIRED,
    "reminder_3_days": Stage.REMINDER_3,
    "reminder_7_days": Stage.REMINDER_7,
    "reminder_after_snooze": Stage.REMINDER_AFTER_SNOOZE,
}
"""Others may be said one day, and are passed over."""


async def on_reconnect_requested(event: Received[ReconnectRequested], tx: Tx) -> None:
    """One notice per person and channel, however often and however late this is said; none once it was repaired."""
    data = event.data
    assert data is not None
    connection = await connections.get(tx, data.connection_id, data.business_id)
    if connection is None or connection.provider is None:
        raise NotYetKnown(f"connection {data.connection_id}")
    if not await members.knows_business(tx, data.business_id):
        raise NotYetKnown(f"business {data.business_id}")
    stage = STAGES.get(data.stage)
    if stage is None or not connection.is_broken_since(data.generation):
        return
    cause = Cause(
        stage=stage,
        connection=connection,
        generation=data.generation,
        happened_at=event.time,
        correlation_id=event.correlation_id,
        event_id=str(event.id),
        reason=data.reason,
        reconnect_id=data.reconnect_id,
    )
    told = [member.user_id for member in await members.of_business(tx, data.business_id) if member.is_told]
    await tell_once(tx, cause, told, now=event.received_at)
