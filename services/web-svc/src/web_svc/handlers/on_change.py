from relink_contracts.envelope import EventData, Received
from web_svc.live import Change, Live

KINDS = {
    "accounting.connection.events.v1": "connection",
    "accounting.sync.events.v1": "sync",
    "publishing.item.events.v1": "item",
    "publishing.release.events.v1": "release",
}


def on_change(event: Received[EventData], live: Live) -> None:
    """Tell the open pages of the business that something of this kind changed."""
    live.tell(event.business_id, Change(KINDS[event.topic], event.subject))
