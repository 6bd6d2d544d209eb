from relink_contracts.envelope import EventData, Received
from relink_contracts.events import Membership as MembershipSaid
from web_svc.domain.people import Membership, Memberships


def on_membership(event: Received[EventData], memberships: Memberships) -> None:
    """Keep who may do what where; somebody who left is forgotten, and with the next request locked out."""
    if isinstance(event.data, MembershipSaid):
        said = event.data
        known = Membership(said.business_id, said.user_id, frozenset(said.roles), said.linked_accountant)
        memberships.remember(known, sequence=event.sequence)
    else:
        memberships.forget(event.key, sequence=event.sequence)
