"""Keeps our picture of the connections."""

from chassis.database import Tx
from notifier_svc.domain.notices import Connection
from notifier_svc.store import connections
from relink_contracts.envelope import Received
from relink_contracts.events import ConnectionEstablished, ConnectionEvent, ConnectionState


async def on_connection(event: Received[ConnectionEvent], tx: Tx) -> None:
    """Whichever record brought it: the state with the highest sequence wins."""
    if event.data is None:
        await connections.forget(tx, event.subject, event.business_id, event.sequence)
    else:
        await connections.remember(tx, _connection(event.data), event.sequence)


def _connection(data: ConnectionEvent) -> Connection:
    named = data if isinstance(data, ConnectionState | ConnectionEstablished) else None
    return Connection(
        connection_id=data.connection_id,
        business_id=data.business_id,
        lifecycle=data.lifecycle,
        generation=data.generation,
        provider=named.provider if named else None,
        organisation_name=named.organisation_name if named else None,
    )
