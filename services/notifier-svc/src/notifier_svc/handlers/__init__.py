"""Every event that notifier-svc hears."""

from chassis.consume import Handler, knows, knows_together, reacts
from notifier_svc.handlers.on_connection import on_connection
from notifier_svc.handlers.on_connection_reconnected import on_connection_reconnected
from notifier_svc.handlers.on_memberships import on_memberships
from notifier_svc.handlers.on_reconnect_asked import on_reconnect_asked
from notifier_svc.handlers.on_reconnect_requested import on_reconnect_requested
from relink_contracts.events import (
    ConnectionChanged,
    ConnectionDisconnected,
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionExpiring,
    ConnectionReconnected,
    ConnectionState,
    Membership,
    ReconnectAsked,
    ReconnectRequested,
)

HANDLERS: tuple[Handler, ...] = (
    knows_together(Membership, on_memberships),
    knows(ConnectionState, on_connection),
    knows(ConnectionEstablished, on_connection),
    knows(ConnectionExpiring, on_connection),
    knows(ConnectionExpired, on_connection),
    knows(ConnectionReconnected, on_connection),
    knows(ConnectionChanged, on_connection),
    knows(ConnectionDisconnected, on_connection),
    knows(ReconnectRequested, on_connection),
    knows(ReconnectAsked, on_connection),
    reacts(ReconnectRequested, on_reconnect_requested),
    reacts(ReconnectAsked, on_reconnect_asked),
    reacts(ConnectionReconnected, on_connection_reconnected),
)
