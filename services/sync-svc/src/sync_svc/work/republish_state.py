"""Say every list entry again: for a state topic that was lost, or holds an old record as a key's last one."""

from datetime import timedelta

from chassis import leases, outbox
from chassis.clock import Clock
from chassis.database import Database
from chassis.run import Loop
from relink_contracts.envelope import Outgoing
from sync_svc import outgoing
from sync_svc.store import entries
from sync_svc.store.entries import Stored

AT_ONCE = 500


async def republish_state(database: Database, clock: Clock) -> int:
    """How many entries were said; those that are gone as gone."""
    count, last = 0, None
    while True:
        async with database.transaction() as tx:
            page = await entries.page_after(tx, last, limit=AT_ONCE)
            await outbox.add(tx, *(_said(stored, clock) for stored in page))
        if not page:
            return count
        count, last = count + len(page), page[-1]


def weekly(database: Database, clock: Clock, *, holder: str) -> Loop:
    """Once a week over all replicas, by a lease that lasts as long.

    A replica that dies in the middle leaves the rest for the next week, or for the command.
    """

    async def step() -> bool:
        if await leases.acquire(database, "republish-state", holder, timedelta(days=7)) is not None:
            await republish_state(database, clock)
        return False

    return Loop("republish-state", step, every=timedelta(hours=1))


def _said(stored: Stored, clock: Clock) -> Outgoing:
    if stored.gone:
        return outgoing.list_entry_gone(stored.place, stored.content.external_id, at=clock.now())
    return outgoing.list_entry(stored.place, stored.content, list_version=stored.list_version, at=clock.now())
