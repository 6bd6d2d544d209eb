"""A connection is new, works again, or no longer works."""

from datetime import timedelta

from chassis import outbox
from chassis.database import Tx
from relink_contracts.envelope import Received
from relink_contracts.events import ConnectionEstablished, ConnectionEvent, ConnectionState
from relink_contracts.ids import new_id
from sync_svc import outgoing
from sync_svc.domain.connections import Connection, Lifecycle
from sync_svc.domain.schedules import Schedule, next_slot
from sync_svc.store import connections, schedules


async def on_connection(event: Received[ConnectionEvent], tx: Tx, *, interval: timedelta) -> None:
    """Keep our picture of the connection, and read its lists at once under a consent that is new to us.

    That follows from the picture, not from `ConnectionReconnected`: should that be lost, the next record heals it.
    """
    if event.data is None:
        await connections.forget(tx, event.subject, event.sequence)
        return
    connection = await connections.remember(tx, _picture(event, event.data))
    if connection is None or not connection.is_usable:
        return
    now = event.received_at
    first = Schedule(
        connection.id, connection.business_id, due_at=next_slot(connection.id, after=now, interval=interval)
    )
    await schedules.add_unless_known(tx, first)
    schedule = await schedules.get_for_update(tx, connection.business_id, connection.id) or first
    if schedule.asked_generation >= connection.generation:
        return
    sync_id = new_id("syn")
    await schedules.save(tx, schedule.ask(sync_id, generation=connection.generation, now=now, interval=interval))
    trigger = _trigger(event.data)
    await outbox.add(tx, outgoing.sync_requested(connection, sync_id, trigger, at=now, caused_by=event))


def _picture(event: Received[ConnectionEvent], data: ConnectionEvent) -> Connection:
    return Connection(
        id=data.connection_id,
        business_id=data.business_id,
        lifecycle=Lifecycle(data.lifecycle),
        generation=data.generation,
        sequence=event.sequence,
        provider=data.provider if isinstance(data, ConnectionState | ConnectionEstablished) else None,
    )


def _trigger(data: ConnectionEvent) -> str:
    if data.generation > 1:
        return "reconnected"
    replaces = isinstance(data, ConnectionState | ConnectionEstablished) and data.replaces_connection_id
    return "changed" if replaces else "established"
