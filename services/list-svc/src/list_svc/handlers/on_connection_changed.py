"""A connection was replaced: what its rules name is no longer where items go."""

from chassis import outbox
from chassis.database import Tx
from list_svc import outgoing
from list_svc.domain.rules import pause
from list_svc.store import rules
from relink_contracts.envelope import Received
from relink_contracts.events import ConnectionChanged


async def on_connection_changed(event: Received[ConnectionChanged], tx: Tx) -> None:
    """Its rules pause, until somebody matches them to the new lists. None is lost."""
    assert event.data is not None  # not a state topic: no tombstones
    for rule in await rules.active_of(tx, event.data.connection_id, event.business_id):
        paused = pause(rule, by=event.data.actor.id, at=event.received_at)
        await rules.update(tx, paused)
        await outbox.add(tx, outgoing.rule_state(paused, at=event.received_at, caused_by=event))
