"""Every event this service hears, and what it does about it."""

from datetime import timedelta
from functools import partial

from chassis.consume import Handler, knows, reacts
from relink_contracts.events import (
    ConnectionChanged,
    ConnectionDisconnected,
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionReconnected,
    ConnectionState,
    ProviderState,
    SyncRequested,
)
from sync_svc.handlers.on_connection import on_connection
from sync_svc.handlers.on_connection_disconnected import on_connection_disconnected
from sync_svc.handlers.on_provider import on_provider
from sync_svc.handlers.on_sync_requested import on_sync_requested


def handlers(*, interval: timedelta) -> list[Handler]:
    """`interval` is the time between two readings of a connection's lists."""
    on_any_connection = partial(on_connection, interval=interval)
    return [
        knows(ConnectionState, on_any_connection),
        knows(ConnectionEstablished, on_any_connection),
        knows(ConnectionReconnected, on_any_connection),
        knows(ConnectionExpired, on_any_connection),
        knows(ConnectionChanged, on_any_connection),
        knows(ConnectionDisconnected, on_any_connection),
        reacts(ConnectionDisconnected, on_connection_disconnected),
        knows(ProviderState, on_provider),
        reacts(SyncRequested, on_sync_requested),
    ]
