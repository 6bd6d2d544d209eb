"""Keeps our picture of who belongs to which business, which at our first start is read whole."""

from collections.abc import Sequence

from chassis.database import Tx
from connection_svc.domain.people import Member
from connection_svc.store import members
from relink_contracts.envelope import Received
from relink_contracts.events import Membership


async def on_memberships(events: Sequence[Received[Membership]], tx: Tx) -> None:
    """The highest sequence wins, in whatever order; a tombstone is somebody who left."""
    said = [(event.data.business_id, _member(event.data), event.sequence) for event in events if event.data is not None]
    await members.remember(tx, said)
    gone = [(event.subject.partition("/"), event.sequence) for event in events if event.data is None]
    await members.forget(tx, [(business_id, user_id, sequence) for (business_id, _, user_id), sequence in gone])


def _member(data: Membership) -> Member:
    return Member(data.user_id, data.roles, data.linked_accountant)
