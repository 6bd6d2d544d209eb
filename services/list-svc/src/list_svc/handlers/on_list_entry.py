"""Keeps the entries of each list."""

from chassis.database import Tx
from list_svc.domain.lists import Entry, EntryKey
from list_svc.store import entries
from relink_contracts.envelope import Received
from relink_contracts.events import ListEntry


async def on_list_entry(event: Received[ListEntry], tx: Tx) -> None:
    """The entry as it is at the provider, or its end when it left."""
    key = EntryKey.of_subject(event.subject)
    if event.data is None:
        await entries.remove(tx, key, event.business_id, event.sequence)
    else:
        await entries.apply(tx, _entry(key, event.data), event.sequence)


def _entry(key: EntryKey, data: ListEntry) -> Entry:
    return Entry(
        key=key,
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
