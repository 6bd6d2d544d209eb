"""Lists are to be read."""

from chassis.database import Tx
from relink_contracts.envelope import Received
from relink_contracts.events import SyncRequested
from sync_svc.domain.runs import Run
from sync_svc.store import runs


async def on_sync_requested(event: Received[SyncRequested], tx: Tx) -> None:
    """Put the run where a worker takes it from. A run of that id that is here already stays as it is."""
    assert event.data is not None
    run = Run(
        id=event.data.sync_id,
        business_id=event.data.business_id,
        connection_id=event.data.connection_id,
        generation=event.data.generation,
        trigger=event.data.trigger,
        lists=event.data.lists,
        requested_at=event.time,
        due_at=event.received_at,
    )
    await runs.add_unless_known(tx, run)
