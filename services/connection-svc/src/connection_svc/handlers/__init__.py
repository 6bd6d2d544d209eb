"""Every event this service hears.

It knows who belongs to a business, and reacts to failures, once per event: a connection that is blamed is looked into,
a provider that is blamed is judged.
"""

from chassis.consume import Handler, knows_together, reacts
from connection_svc.handlers.on_item_outcome_uncertain import on_item_outcome_uncertain
from connection_svc.handlers.on_item_publish_failed import on_item_publish_failed
from connection_svc.handlers.on_memberships import on_memberships
from connection_svc.handlers.on_sync_failed import on_sync_failed
from relink_contracts.events import ItemOutcomeUncertain, ItemPublishFailed, Membership, SyncFailed

HANDLERS: tuple[Handler, ...] = (
    knows_together(Membership, on_memberships),
    reacts(ItemPublishFailed, on_item_publish_failed),
    reacts(ItemOutcomeUncertain, on_item_outcome_uncertain),
    reacts(SyncFailed, on_sync_failed),
)
