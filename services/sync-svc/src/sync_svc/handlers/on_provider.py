"""A provider struggles, or is well again."""

from chassis.database import Tx
from relink_contracts.envelope import Received
from relink_contracts.events import ProviderState
from sync_svc.store import connections


async def on_provider(event: Received[ProviderState], tx: Tx) -> None:
    """Remember it: nothing is asked of a provider that struggles only because a clock says so."""
    health = event.data.health if event.data else "ok"
    await connections.hear_health(tx, event.subject, health, event.sequence)
