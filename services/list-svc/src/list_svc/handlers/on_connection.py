"""Keeps our picture of the connections."""

from chassis.database import Tx
from list_svc.store import connections
from relink_contracts.envelope import Received
from relink_contracts.events import ConnectionEvent


async def on_connection(event: Received[ConnectionEvent], tx: Tx) -> None:
    """Whichever record brought it: the state with the highest sequence wins."""
    if event.data is None:
        await connections.forget(tx, event.subject, event.business_id, event.sequence)
    else:
        data = event.data
        await connections.remember(tx, data.connection_id, data.business_id, data.lifecycle, event.sequence)
