"""Publications and attempts: what was about to be written, and what came of it."""

import json
from collections.abc import Sequence

import asyncpg

from chassis.database import Tx
from publish_svc.domain.items import Item, Receipt
from publish_svc.domain.ledger import Attempt, AttemptOutcome, FrozenBill, Publication, publication_of
from publish_svc.store.items import bill_from_json, bill_to_json

_GET = "SELECT * FROM publications WHERE item_id = $1 AND number = $2"
_SAVE = """INSERT INTO publications (item_id, number, refusals, bill, key) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (item_id, number) DO UPDATE
    SET refusals = excluded.refusals, bill = excluded.bill, key = excluded.key"""
_SAVE_RECEIPT = """UPDATE publications SET organisation_id = $3, provider_reference = $4, provider_url = $5
    WHERE item_id = $1 AND number = $2"""
_ADD_ATTEMPT = """INSERT INTO attempts
        (item_id, number, publication, lease_token, started_at, look_after, outcome, detail, finished_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (item_id, number) DO UPDATE
    SET outcome = excluded.outcome, detail = excluded.detail, finished_at = excluded.finished_at"""
_ATTEMPTS = "SELECT * FROM attempts WHERE item_id = $1 ORDER BY number"
_ATTEMPT = "SELECT * FROM attempts WHERE item_id = $1 AND number = $2"


async def publication(tx: Tx, item: Item) -> Publication:
    """The item's present publication; a fresh one when nothing of it was intended yet."""
    row = await tx.fetchrow(_GET, item.id, item.publication)
    if row is None:
        return publication_of(item)
    return Publication(
        item_id=row["item_id"], number=row["number"], refusals=row["refusals"], bill=_bill(row["bill"]), key=row["key"]
    )


async def save_publication(tx: Tx, changed: Publication) -> None:
    """Store everything but the receipt."""
    bill = changed.bill and json.dumps(
        {
            "content": bill_to_json(changed.bill.content),
            "supplier_id": changed.bill.supplier_id,
            "destination": changed.bill.destination,
        }
    )
    await tx.execute(_SAVE, changed.item_id, changed.number, changed.refusals, bill, changed.key)


async def save_receipt(tx: Tx, item: Item, receipt: Receipt) -> None:
    """The provider has the bill of the item's present publication: it is never written again."""
    await tx.execute(
        _SAVE_RECEIPT,
        item.id,
        item.publication,
        receipt.organisation_id,
        receipt.provider_reference,
        receipt.provider_url,
    )


async def save_attempt(tx: Tx, attempt: Attempt) -> None:
    """Write an attempt down, or how it ended."""
    await tx.execute(
        _ADD_ATTEMPT,
        attempt.item_id,
        attempt.number,
        attempt.publication,
        attempt.lease_token,
        attempt.started_at,
        attempt.look_after,
        attempt.outcome,
        attempt.detail,
        attempt.finished_at,
    )


async def attempt(tx: Tx, item_id: str, number: int) -> Attempt | None:
    row = await tx.fetchrow(_ATTEMPT, item_id, number)
    return _attempt(row) if row else None


async def attempts_of(tx: Tx, item_id: str) -> Sequence[Attempt]:
    """Every attempt at the item, the oldest first."""
    return [_attempt(row) for row in await tx.fetch(_ATTEMPTS, item_id)]


def _bill(text: str | None) -> FrozenBill | None:
    if text is None:
        return None
    stored = json.loads(text)
    return FrozenBill(bill_from_json(stored["content"]), stored["supplier_id"], stored["destination"])


def _attempt(row: asyncpg.Record) -> Attempt:
    return Attempt(
        item_id=row["item_id"],
        number=row["number"],
        publication=row["publication"],
        lease_token=row["lease_token"],
        started_at=row["started_at"],
        look_after=row["look_after"],
        outcome=AttemptOutcome(row["outcome"]) if row["outcome"] else None,
        detail=row["detail"],
        finished_at=row["finished_at"],
    )
