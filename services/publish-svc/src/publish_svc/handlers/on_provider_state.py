"""Holds everything for a provider that struggles, and tries again when it is well."""

from chassis.database import Tx
from publish_svc.store import connections
from relink_contracts.envelope import Received
from relink_contracts.events import ProviderState


async def on_provider_state(event: Received[ProviderState], tx: Tx) -> None:
    """Close the gates of its connections, or let one item go at each. They also try by themselves, now and then."""
    if event.data is None:
        return
    if not await connections.hear_health(tx, event.data.provider, event.sequence, event.data.health):
        return
    if event.data.health == "degraded":
        await connections.close_all_of(tx, event.data.provider)
    else:
        await connections.probe_all_of(tx, event.data.provider)
