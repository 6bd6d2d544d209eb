"""Remembers what each list must hold to be complete."""

from chassis.database import Tx
from list_svc.domain.lists import ListRun
from list_svc.store import entries
from relink_contracts.envelope import Received
from relink_contracts.events import SyncCompleted


async def on_sync_completed(event: Received[SyncCompleted], tx: Tx) -> None:
    """A list is complete when all that this run wrote is here, which may be before or after this event."""
    data = event.data
    assert data is not None
    for name, synced in data.lists.items():
        run = ListRun(
            connection_id=data.connection_id,
            list=name,
            business_id=data.business_id,
            list_version=synced.list_version,
            total=synced.total,
            said=synced.records_written - synced.removed,
            added=synced.added,
            updated=synced.updated,
            removed=synced.removed,
            completed_at=event.time,
        )
        await entries.record_run(tx, run)
