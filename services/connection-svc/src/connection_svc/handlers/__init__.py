"""Every event this service hears. It reacts to failures that blame a connection, once per event, by looking into it."""

from chassis.consume import Handler, reacts
from connection_svc.handlers.on_item_publish_failed import on_item_publish_failed
from connection_svc.handlers.on_sync_failed import on_sync_failed
from relink_contracts.events import ItemPublishFailed, SyncFailed

HANDLERS: tuple[Handler, ...] = (
    reacts(ItemPublishFailed, on_item_publish_failed),
    reacts(SyncFailed, on_sync_failed),
)
