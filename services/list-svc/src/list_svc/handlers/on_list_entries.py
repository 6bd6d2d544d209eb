"""Keeps the entries of each list. A synchronisation says thousands at once, so they are written together."""

from collections.abc import Sequence

from chassis.database import Tx
from list_svc.domain.lists import Entry, EntryKey
from list_svc.store import entries
from relink_contracts.envelope import Received
from relink_contracts.events import ListEntry


async def on_list_entries(events: Sequence[Received[ListEntry]], tx: Tx) -> None:
    """Each entry as it is at the provider, or its end when it left: the highest sequence wins, in whatever order."""
    await entries.apply(tx, [(_entry(event.data), event.sequence) for event in events if event.data is not None])
    gone = [event for event in events if event.data is None]
    await entries.remove(tx, [(EntryKey.of_subject(each.subject), each.business_id, each.sequence) for each in gone])


def _entry(data: ListEntry) -> Entry:
    return Entry(
        key=EntryKey(data.connection_id, data.list, data.external_id),
        business_id=data.business_id,
        parent_id=data.parent_id,
        name=data.name,
        code=data.code,
        type=data.type,
        tax_treatment=data.tax_treatment,
        valid_tax_rates=data.valid_tax_rates,
        active=data.active,
        list_version=data.list_version,
    )
