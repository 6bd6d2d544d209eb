"""Lists were not read."""

from chassis.database import Tx
from connection_svc.domain.connection import DetectedBy
from connection_svc.handlers.blame import look_into
from connection_svc.store.checks import Check
from relink_contracts.envelope import Received
from relink_contracts.events import SyncFailed


async def on_sync_failed(event: Received[SyncFailed], tx: Tx) -> None:
    """Look into the connection when the run blames it; a provider's trouble or our own is not its fault."""
    failure = event.data
    if failure is None or failure.blames != "connection":
        return
    check = Check(failure.connection_id, event.business_id, DetectedBy.SYNC, reported_at=event.time)
    await look_into(tx, check, now=event.received_at)
