"""Items. Every change of status leaves a row of history by itself."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import asyncpg

from chassis.database import Tx
from publish_svc.domain.items import (
    BillContent,
    DocumentRef,
    Failure,
    FailureClass,
    HoldReason,
    Item,
    ItemStatus,
    Line,
    Receipt,
)
from publish_svc.domain.lane import Holding
from publish_svc.store.errors import ChangedMeanwhile

HELD_AT_THE_GATE = [reason.value for reason in HoldReason]

_SELECT = """SELECT items.*, publications.organisation_id, publications.provider_reference, publications.provider_url
    FROM items LEFT JOIN publications
      ON publications.item_id = items.id AND publications.number = items.publication
     AND publications.provider_reference IS NOT NULL"""
_GET = f"{_SELECT} WHERE items.business_id = $1 AND items.id = $2"
_BY_EXTERNAL_ID = f"{_SELECT} WHERE items.business_id = $1 AND items.external_id = $2"
_FOR_UPDATE = f"{_SELECT} WHERE items.id = $1 FOR UPDATE OF items"
_HEAD = f"""{_SELECT} WHERE items.connection_id = $1 AND items.status IN ('queued', 'held', 'publishing', 'uncertain')
      AND (items.status <> 'held' OR items.reason = ANY($2))
    ORDER BY items.position LIMIT 1"""
_TO_HOLD = f"""{_SELECT} WHERE items.connection_id = $1
      AND (items.status = 'queued' OR (items.status = 'held' AND items.reason = ANY($2) AND items.reason <> $3))
    ORDER BY items.position LIMIT $4 FOR UPDATE OF items"""
_TO_RELEASE = f"""{_SELECT} WHERE items.connection_id = $1 AND items.status = 'held' AND items.reason = ANY($2)
    ORDER BY items.position LIMIT $3 FOR UPDATE OF items"""
_HELD = f"""{_SELECT} WHERE items.business_id = $1 AND items.connection_id = $2 AND items.status = 'held'
      AND items.position > $3
    ORDER BY items.position LIMIT $4"""
_LIST = f"""{_SELECT} WHERE items.business_id = $1 AND (cardinality($2::text[]) = 0 OR items.status = ANY($2))
      AND ($3::text IS NULL OR items.reason = $3) AND ($4::text IS NULL OR items.connection_id = $4)
      AND ($5::text IS NULL OR items.id < $5)
    ORDER BY items.id DESC LIMIT $6"""
_COUNTS = "SELECT status, count(*) AS items FROM items WHERE business_id = $1 GROUP BY status"
_COUNT_HELD = "SELECT count(*) FROM items WHERE business_id = $1 AND connection_id = $2 AND status = 'held'"
_JOIN_RELEASE = """UPDATE items SET release_id = $2 WHERE connection_id = $1
      AND (status = 'queued' OR (status = 'held' AND reason = ANY($3)))"""
_ADD = """WITH added AS (
        INSERT INTO items (id, business_id, external_id, connection_id, bill, document, status, reason, failure,
            publication, attempts, retries, position, not_before, requested_by, held_at, release_id, created_at,
            updated_at, revision)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0)
        ON CONFLICT (business_id, external_id) DO NOTHING
        RETURNING id)
    SELECT id FROM added"""
_NOTE_FIRST = "INSERT INTO item_changes (item_id, status, reason, at) VALUES ($1, $2, $3, $4)"
_SAVE = """WITH was AS (SELECT status, reason FROM items WHERE id = $1),
    saved AS (
        UPDATE items SET connection_id = $2, bill = $3, document = $4, status = $5, reason = $6, failure = $7,
            publication = $8, attempts = $9, retries = $10, position = $11, not_before = $12, requested_by = $13,
            held_at = $14, release_id = $15, updated_at = $16, revision = revision + 1
        WHERE id = $1 AND revision = $17 RETURNING id, status, reason, updated_at),
    noted AS (
        INSERT INTO item_changes (item_id, status, reason, at)
        SELECT saved.id, saved.status, saved.reason, saved.updated_at FROM saved, was
        WHERE (saved.status, saved.reason) IS DISTINCT FROM (was.status, was.reason))
    SELECT count(*) FROM saved"""
_CHANGES = "SELECT status, reason, at FROM item_changes WHERE item_id = $1 ORDER BY id"


@dataclass(frozen=True)
class Change:
    """A status an item came to."""

    status: str
    reason: str | None
    at: datetime


async def get(tx: Tx, business_id: str, item_id: str) -> Item | None:
    row = await tx.fetchrow(_GET, business_id, item_id)
    return _item(row) if row else None


async def get_by_external_id(tx: Tx, business_id: str, external_id: str) -> Item | None:
    row = await tx.fetchrow(_BY_EXTERNAL_ID, business_id, external_id)
    return _item(row) if row else None


async def get_for_update(tx: Tx, item_id: str) -> Item:
    """The item, which is known to exist: items are never deleted."""
    row = await tx.fetchrow(_FOR_UPDATE, item_id)
    if row is None:
        raise LookupError(f"no item {item_id}")
    return _item(row)


async def head_of_lane(tx: Tx, connection_id: str) -> Item | None:
    """The first item that goes, or that the gate holds."""
    row = await tx.fetchrow(_HEAD, connection_id, HELD_AT_THE_GATE)
    return _item(row) if row else None


async def next_to_hold(tx: Tx, connection_id: str, reason: HoldReason, *, limit: int) -> list[Item]:
    """The first items that the gate should hold, or hold for another reason, in order and locked."""
    return [_item(row) for row in await tx.fetch(_TO_HOLD, connection_id, HELD_AT_THE_GATE, reason, limit)]


async def next_to_release(tx: Tx, connection_id: str, *, limit: int) -> list[Item]:
    """The first items that are held at the gate, in order and locked."""
    return [_item(row) for row in await tx.fetch(_TO_RELEASE, connection_id, HELD_AT_THE_GATE, limit)]


async def join_release(tx: Tx, connection_id: str, release_id: str) -> int:
    """Count everything that waits at the connection into the release; tells how many."""
    return int((await tx.execute(_JOIN_RELEASE, connection_id, release_id, HELD_AT_THE_GATE)).split()[-1])


async def held_at(tx: Tx, business_id: str, connection_id: str, *, after: int, limit: int) -> list[Item]:
    """What waits at a connection, in the order it will go, behind the position `after`."""
    return [_item(row) for row in await tx.fetch(_HELD, business_id, connection_id, after, limit)]


async def count_held(tx: Tx, business_id: str, connection_id: str) -> int:
    return int(await tx.fetchval(_COUNT_HELD, business_id, connection_id))


async def counts(tx: Tx, business_id: str) -> dict[str, int]:
    """How many items the business has of each status that any has."""
    return {row["status"]: row["items"] for row in await tx.fetch(_COUNTS, business_id)}


async def newest_first(  # noqa: PLR0913 - one argument for each filter
    tx: Tx,
    business_id: str,
    *,
    statuses: Collection[str],
    reason: str | None,
    connection_id: str | None,
    before: str | None,
    limit: int,
) -> list[Item]:
    """Items of a business, the newest first, older than the id `before`."""
    rows = await tx.fetch(_LIST, business_id, list(statuses), reason, connection_id, before, limit)
    return [_item(row) for row in rows]


async def add(tx: Tx, item: Item) -> bool:
    """Store a new item; False when the business has one of that external id already."""
    columns = _columns(item)
    if await tx.fetchval(
        _ADD, item.id, item.business_id, item.external_id, *columns[:-1], item.created_at, columns[-1]
    ):
        await tx.execute(_NOTE_FIRST, item.id, item.status, item.reason, item.created_at)
        return True
    return False


async def save(tx: Tx, item: Item) -> Item:
    """Store it. Raises ChangedMeanwhile."""
    if await tx.fetchval(_SAVE, item.id, *_columns(item), item.revision) != 1:
        raise ChangedMeanwhile(item.id, item.revision)
    return replace(item, revision=item.revision + 1)


async def save_released(tx: Tx, released: Iterable[Item]) -> None:
    """Store many items, which the caller has locked, in one round trip."""
    await tx.executemany(_SAVE, [(item.id, *_columns(item), item.revision) for item in released])


async def save_held(tx: Tx, *holdings: Holding) -> None:
    """Store items that were held, the failure of the one that told of an expiry first, so that its history has it."""
    held = []
    for holding in holdings:
        told = await save(tx, holding.failed) if holding.failed else holding.item
        held.append(replace(holding.item, revision=told.revision))
    await tx.executemany(_SAVE, [(item.id, *_columns(item), item.revision) for item in held])


async def changes_of(tx: Tx, item_id: str) -> Sequence[Change]:
    """Every status the item came to, the oldest first."""
    return [Change(row["status"], row["reason"], row["at"]) for row in await tx.fetch(_CHANGES, item_id)]


def _columns(item: Item) -> tuple[object, ...]:
    return (
        item.connection_id,
        json.dumps(bill_to_json(item.bill)),
        json.dumps(vars(item.document)),
        item.status,
        item.reason,
        json.dumps(vars(item.failure)) if item.failure else None,
        item.publication,
        item.attempts,
        item.retries,
        item.position,
        item.not_before,
        item.requested_by,
        item.held_at,
        item.release_id,
        item.updated_at,
    )


def _item(row: asyncpg.Record) -> Item:
    return Item(
        id=row["id"],
        business_id=row["business_id"],
        external_id=row["external_id"],
        connection_id=row["connection_id"],
        bill=bill_from_json(json.loads(row["bill"])),
        document=DocumentRef(**json.loads(row["document"])),
        status=ItemStatus(row["status"]),
        reason=row["reason"],
        failure=_failure(row["failure"]),
        publication=row["publication"],
        attempts=row["attempts"],
        retries=row["retries"],
        position=row["position"],
        not_before=row["not_before"],
        requested_by=row["requested_by"],
        held_at=row["held_at"],
        release_id=row["release_id"],
        receipt=_receipt(row),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
    )


def _receipt(row: asyncpg.Record) -> Receipt | None:
    if row["provider_reference"] is None:
        return None
    return Receipt(row["organisation_id"], row["provider_reference"], row["provider_url"])


def _failure(text: str | None) -> Failure | None:
    if text is None:
        return None
    stored = json.loads(text)
    return Failure(stored["code"], FailureClass(stored["kind"]), stored["field"], stored["message"])


def bill_to_json(bill: BillContent) -> dict[str, Any]:
    """As it is stored: amounts and dates as text, exactly."""
    return vars(bill) | {
        "date": bill.date.isoformat(),
        "due_date": bill.due_date.isoformat() if bill.due_date else None,
        "lines": [vars(line) | {"amount": str(line.amount)} for line in bill.lines],
    }


def bill_from_json(stored: dict[str, Any]) -> BillContent:
    lines = tuple(Line(**(line | {"amount": Decimal(line["amount"])})) for line in stored["lines"])
    due_date = date.fromisoformat(stored["due_date"]) if stored["due_date"] else None
    return BillContent(**(stored | {"date": date.fromisoformat(stored["date"]), "due_date": due_date, "lines": lines}))
