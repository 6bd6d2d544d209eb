"""How an attempt, or a look, ended: item, gate, ledger and events in one transaction under the lane's lease."""

from dataclasses import replace

import structlog

from chassis import leases, outbox
from chassis.database import Tx
from chassis.leases import Lease
from publish_svc import metrics, outgoing
from publish_svc.domain.items import Item, ItemStatus
from publish_svc.domain.lane import Found, Moment, NotFound, Result, outcome_of, publication_after, take_result
from publish_svc.domain.ledger import Attempt
from publish_svc.store import connections, items, ledger
from publish_svc.work.tools import Tools

_log = structlog.get_logger(__name__)


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
    _count(current, result)
    _log.info("item.settled", item_id=item.id, result=type(result).__name__, status=settled.item.status.value)


def _count(item: Item, result: Result) -> None:
    if item.status is not ItemStatus.UNCERTAIN:
        metrics.attempts.labels(outcome_of(result)[0].value).inc()
    elif isinstance(result, Found | NotFound):
        metrics.look_ups.labels("found" if isinstance(result, Found) else "not_found").inc()


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
