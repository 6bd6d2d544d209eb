"""How an attempt, or a look, ended: item, gate, ledger and events in one transaction under the lane's lease."""

from dataclasses import replace

from chassis import leases, outbox
from chassis.database import Tx
from chassis.leases import Lease

from publish_svc import outgoing
from publish_svc.domain.items import Item, ItemStatus
from publish_svc.domain.lane import Moment, Result, outcome_of, publication_after, take_result
from publish_svc.domain.ledger import Attempt
from publish_svc.store import connections, items, ledger
from publish_svc.work.tools import Tools


async def record(tools: Tools, lease: Lease, item: Item, result: Result) -> None:
    """Write down how the attempt at `item`, or the look for it, ended.

    Raises LeaseLost when somebody else has taken the lane over: what we found out is his to find out again.
    Does nothing when the item was changed since it was read, before anything was intended.
    """
    at = tools.moment()
    async with tools.database.transaction() as tx:
        await leases.guard(tx, lease)
        connection = await connections.get_for_update(tx, item.connection_id)
        current = await items.get_for_update(tx, item.id)
        if connection is None or current.revision != item.revision:
            return
        if current.status is ItemStatus.QUEUED:
            current = current.tried_in_vain()
        settled = take_result(current, connection, result, tools.patience, at)
        await items.save(tx, settled.item)
        await connections.save(tx, settled.connection)
        if current.status is not ItemStatus.UNCERTAIN:
            await _note_attempt(tx, current, lease, result, at)
        if current.status is ItemStatus.PUBLISHING and current.receipt is None:
            intended = await ledger.publication(tx, current)
            await ledger.save_publication(tx, publication_after(intended, result))
        await outbox.add(tx, *outgoing.attempt_ended(settled, result, at=at.now))


async def _note_attempt(tx: Tx, item: Item, lease: Lease, result: Result, at: Moment) -> None:
    """Close the ledger's row, or write one for a try that ended before anything was intended."""
    begun = await ledger.attempt(tx, item.id, item.attempts) or Attempt(
        item_id=item.id,
        number=item.attempts,
        publication=item.publication,
        lease_token=lease.token,
        started_at=at.now,
    )
    outcome, detail = outcome_of(result)
    await ledger.save_attempt(tx, replace(begun, outcome=outcome, detail=detail, finished_at=at.now))
