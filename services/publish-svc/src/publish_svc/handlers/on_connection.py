"""Keeps our picture of the connections; what may be published follows from it."""

from chassis import outbox
from chassis.database import Tx
from publish_svc import outgoing
from publish_svc.domain.connections import ConnectionNews, ConnectionPicture, Lifecycle, Settings
from publish_svc.store import connections, releases
from relink_contracts.envelope import Received
from relink_contracts.events import (
    ConnectionEstablished,
    ConnectionEvent,
    ConnectionSettingsChanged,
    ConnectionState,
)
from relink_contracts.ids import new_id


async def on_connection(event: Received[ConnectionEvent], tx: Tx) -> None:
    """Keep the newest picture. Its gate closes or begins to open; a worker moves the items after it."""
    if event.data is None:
        return  # nothing more will be said about it; its items stay as they are
    news = _news(event.data, event.sequence)
    before = await connections.get_or_add_for_update(tx, ConnectionPicture.first_seen(news))
    after = before.remember(news)
    if after.is_beginning_to_open(before):
        release = await releases.begin(tx, after, new_id("rel"), "reconnect", now=event.time)
        after = after.start_release(release.id) if release.waiting else after.open()
        if release.waiting:
            await outbox.add(tx, outgoing.release_started(release, at=event.time, caused_by=event))
    if after != before:
        await connections.save(tx, after)


def _news(data: ConnectionEvent, sequence: int) -> ConnectionNews:
    """The fields that every connection event has, and those that only some bring."""
    settings = data.settings if isinstance(data, ConnectionSettingsChanged | ConnectionState) else None
    return ConnectionNews(
        connection_id=data.connection_id,
        business_id=data.business_id,
        sequence=sequence,
        lifecycle=Lifecycle(data.lifecycle),
        generation=data.generation,
        provider=data.provider if isinstance(data, ConnectionEstablished | ConnectionState) else None,
        settings=Settings(settings.default_destination) if settings else None,
    )
