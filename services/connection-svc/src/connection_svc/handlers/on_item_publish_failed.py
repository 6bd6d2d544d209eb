"""An item was not published."""

from chassis.database import Tx
from connection_svc.domain.connection import DetectedBy
from connection_svc.handlers.blame import look_into
from connection_svc.store.checks import Check
from relink_contracts.envelope import Received
from relink_contracts.events import ItemPublishFailed


async def on_item_publish_failed(event: Received[ItemPublishFailed], tx: Tx) -> None:
    """Look into the connection when it is to blame; every other class of failure is somebody else's."""
    failure = event.data
    if failure is None or failure.class_ != "connection":
        return
    check = Check(failure.connection_id, event.business_id, DetectedBy.PUBLISH, reported_at=event.time)
    await look_into(tx, check, now=event.received_at)
