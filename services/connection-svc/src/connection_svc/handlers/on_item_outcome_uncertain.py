"""The provider's answer to a write was lost."""

from chassis.database import Tx
from connection_svc.handlers.blame import blame_provider
from relink_contracts.envelope import Received
from relink_contracts.events import ItemOutcomeUncertain


async def on_item_outcome_uncertain(event: Received[ItemOutcomeUncertain], tx: Tx) -> None:
    """It tells about the provider; whether it has the item is publish-svc's to find out."""
    lost = event.data
    if lost is not None:
        await blame_provider(tx, event.business_id, lost.connection_id, "answer_lost", now=event.received_at)
