"""Who may do what here, and whose item it is."""

from typing import Final

from chassis.database import Tx
from publish_svc.api.problems import item_unknown
from publish_svc.domain.connections import ConnectionPicture
from publish_svc.domain.items import Item
from publish_svc.store import connections, items
from publish_svc.store.errors import ChangedMeanwhile

WRITERS: Final = ("admin", "member", "publisher", "accountant")
READERS: Final = (*WRITERS, "operator")


async def lock_item(tx: Tx, business_id: str, item_id: str) -> tuple[ConnectionPicture, Item]:
    """The item and its connection, the connection's row locked first. Raises a 404 for another business's."""
    found = await items.get(tx, business_id, item_id)
    if found is None:
        raise item_unknown(item_id)
    connection = await connections.get_for_update(tx, found.connection_id)
    item = await items.get_for_update(tx, item_id)
    if connection is None or item.connection_id != connection.id:
        raise ChangedMeanwhile(item_id, found.revision)
    return connection, item
