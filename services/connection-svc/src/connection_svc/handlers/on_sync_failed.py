"""Lists were not read."""

from chassis.database import Tx
from connection_svc.domain.connection import DetectedBy
from connection_svc.handlers.blame import blame_provider, look_into
from connection_svc.store.checks import Check
from relink_contracts.envelope import Received
from relink_contracts.events import SyncFailed


async def on_sync_failed(event: Received[SyncFailed], tx: Tx) -> None:
    """Look into the connection when the run blames it, note the trouble when it blames the provider."""
    failure = event.data
    if failure is None:
        return
    if failure.blames == "connection":
        check = Check(failure.connection_id, event.business_id, DetectedBy.SYNC, reported_at=event.time)
        await look_into(tx, check, now=event.received_at)
    elif failure.blames == "provider":
        symptom = failure.code.removeprefix("provider_")
        await blame_provider(tx, event.business_id, failure.connection_id, symptom, now=event.received_at)
