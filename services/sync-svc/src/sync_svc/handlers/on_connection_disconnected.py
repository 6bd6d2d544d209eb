"""The customer left, and may want nothing kept."""

from dataclasses import replace

from chassis import outbox
from chassis.database import Tx
from relink_contracts.envelope import Received
from relink_contracts.events import ConnectionDisconnected
from sync_svc import outgoing
from sync_svc.domain.entries import Changes, Place
from sync_svc.store import entries


async def on_connection_disconnected(event: Received[ConnectionDisconnected], tx: Tx) -> None:
    """Clear the lists where that was wanted: every entry is said to be gone."""
    data = event.data
    if data is None or data.lists_kept:
        return
    for state in (await entries.states(tx, data.business_id, data.connection_id)).values():
        place = Place(data.business_id, data.connection_id, state.list)
        gone = tuple(await entries.fingerprints(tx, place))
        await entries.apply(tx, place, Changes((), (), gone), list_version=state.version)
        await entries.save_state(tx, place, replace(state, total=0))
        await outbox.add(tx, *(outgoing.list_entry_gone(place, one, at=event.received_at) for one in gone))
