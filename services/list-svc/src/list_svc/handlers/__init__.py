"""Every event that list-svc hears."""

from chassis.consume import Handler, knows, knows_together, reacts
from list_svc.handlers.on_connection import on_connection
from list_svc.handlers.on_connection_changed import on_connection_changed
from list_svc.handlers.on_list_entries import on_list_entries
from list_svc.handlers.on_sync_completed import on_sync_completed
from relink_contracts.events import (
    ConnectionChanged,
    ConnectionDisconnected,
    ConnectionEstablished,
    ConnectionState,
    ListEntry,
    SyncCompleted,
)

HANDLERS: tuple[Handler, ...] = (
    knows(ConnectionState, on_connection),
    knows(ConnectionEstablished, on_connection),
    knows(ConnectionChanged, on_connection),
    reacts(ConnectionChanged, on_connection_changed),
    knows(ConnectionDisconnected, on_connection),
    knows_together(ListEntry, on_list_entries),
    knows(SyncCompleted, on_sync_completed),
)
