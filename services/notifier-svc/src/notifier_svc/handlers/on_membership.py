"""Keeps our picture of who belongs to which business."""

from chassis.database import Tx
from notifier_svc.domain.notices import Member
from notifier_svc.store import members
from relink_contracts.envelope import Received
from relink_contracts.events import Membership


async def on_membership(event: Received[Membership], tx: Tx) -> None:
    """The highest sequence wins; a tombstone is somebody who left."""
    if event.data is None:
        business_id, user_id = event.subject.split("/", 1)
        await members.forget(tx, business_id, user_id, event.sequence)
    else:
        data = event.data
        member = Member(data.user_id, data.roles, data.linked_accountant)
        await members.remember(tx, data.business_id, member, event.sequence)
