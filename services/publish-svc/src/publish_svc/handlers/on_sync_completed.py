"""Lets what waits for fresh lists go on."""

from chassis.consume import NotYetKnown
from chassis.database import Tx
from publish_svc.store import connections
from relink_contracts.envelope import Received
from relink_contracts.events import SyncCompleted


async def on_sync_completed(event: Received[SyncCompleted], tx: Tx) -> None:
    """Remember that the lists of this consent are here; a release that waits for them sends its canary."""
    if event.data is None:
        return
    connection = await connections.get_for_update(tx, event.data.connection_id)
    if connection is None:
        raise NotYetKnown(f"connection {event.data.connection_id}")
    after = connection.lists_arrived(event.data.generation)
    if after != connection:
        await connections.save(tx, after)
