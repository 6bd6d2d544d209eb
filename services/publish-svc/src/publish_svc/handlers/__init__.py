"""Every event that publish-svc hears."""

from chassis.consume import Handler, knows
from publish_svc.handlers.on_connection import on_connection
from publish_svc.handlers.on_provider_state import on_provider_state
from publish_svc.handlers.on_sync_completed import on_sync_completed
from relink_contracts.events import (
    ConnectionChanged,
    ConnectionDisconnected,
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionReconnected,
    ConnectionSettingsChanged,
    ConnectionState,
    ProviderState,
    SyncCompleted,
)

HANDLERS: tuple[Handler, ...] = (
    knows(ConnectionState, on_connection),
    knows(ConnectionEstablished, on_connection),
    knows(ConnectionExpired, on_connection),
    knows(ConnectionReconnected, on_connection),
    knows(ConnectionChanged, on_connection),
    knows(ConnectionDisconnected, on_connection),
    knows(ConnectionSettingsChanged, on_connection),
    knows(ProviderState, on_provider_state),
    knows(SyncCompleted, on_sync_completed),
)
