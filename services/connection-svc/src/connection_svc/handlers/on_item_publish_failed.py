"""An item was not published."""

from chassis.database import Tx
from connection_svc.domain.connection import DetectedBy
from connection_svc.handlers.blame import blame_provider, look_into
from connection_svc.store.checks import Check
from relink_contracts.envelope import Received
from relink_contracts.events import ItemPublishFailed


async def on_item_publish_failed(event: Received[ItemPublishFailed], tx: Tx) -> None:
    """Look into the connection when it is to blame; an outage tells about the provider, the rest is not ours."""
    failure = event.data
    if failure is None:
        return
    if failure.class_ == "connection":
        check = Check(failure.connection_id, event.business_id, DetectedBy.PUBLISH, reported_at=event.time)
        await look_into(tx, check, now=event.received_at)
    elif failure.class_ == "outage":
        await blame_provider(tx, event.business_id, failure.connection_id, failure.code, now=event.received_at)
