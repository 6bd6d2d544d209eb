"""List entries and the synchronisations that brought them, which sync-svc owns."""

from collections.abc import Iterable

import asyncpg
from pydantic_core import to_json

from chassis.database import Tx
from list_svc.domain.lists import Entry, EntryKey, ListKey, ListPicture, ListRun
from list_svc.domain.paging import Page
from list_svc.domain.rules import Coding

# In the order of their key, so that two transactions wait for each other and never in a circle.
_APPLY = """INSERT INTO entries AS known (connection_id, list, external_id, business_id, parent_id, name, code, type,
        tax_treatment, valid_tax_rates, active, list_version, sequence)
    SELECT DISTINCT ON (connection_id, list, external_id) *
    FROM json_to_recordset($1) AS said (connection_id text, list text, external_id text, business_id text,
        parent_id text, name text, code text, type text, tax_treatment text, valid_tax_rates text[], active boolean,
        list_version bigint, sequence bigint)
    ORDER BY connection_id, list, external_id, sequence DESC
    ON CONFLICT (connection_id, list, external_id) DO UPDATE
    SET business_id = excluded.business_id, parent_id = excluded.parent_id, name = excluded.name, code = excluded.code,
        type = excluded.type, tax_treatment = excluded.tax_treatment, valid_tax_rates = excluded.valid_tax_rates,
        active = excluded.active, list_version = excluded.list_version, gone = false, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence"""
_REMOVE = """INSERT INTO entries AS known (connection_id, list, external_id, business_id, name, active, list_version,
        gone, sequence)
    VALUES ($1, $2, $3, $4, '', false, 0, true, $5)
    ON CONFLICT (connection_id, list, external_id) DO UPDATE SET gone = true, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence"""
_RAN = """INSERT INTO list_runs AS known (connection_id, list, business_id, list_version, total, said, added, updated,
        removed, completed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (connection_id, list) DO UPDATE
    SET business_id = excluded.business_id, list_version = excluded.list_version, total = excluded.total,
        said = excluded.said, added = excluded.added, updated = excluded.updated, removed = excluded.removed,
        completed_at = excluded.completed_at
    WHERE known.completed_at < excluded.completed_at"""
_LISTS = """WITH ran AS (
        SELECT * FROM list_runs WHERE connection_id = $1 AND business_id = $2
    ), held AS (
        SELECT entries.list, count(*) AS entries,
            count(*) FILTER (WHERE entries.list_version >= ran.list_version) AS entries_of_run
        FROM entries LEFT JOIN ran USING (connection_id, list)
        WHERE connection_id = $1 AND entries.business_id = $2 AND NOT gone GROUP BY entries.list
    )
    SELECT coalesce(ran.list, held.list) AS name, coalesce(held.entries, 0) AS entries,
        coalesce(held.entries_of_run, 0) AS entries_of_run, ran.*
    FROM ran FULL JOIN held ON held.list = ran.list ORDER BY name"""
_SEARCH = """SELECT * FROM entries
    WHERE connection_id = $1 AND business_id = $2 AND list = $3 AND NOT gone
        AND ($4 = '' OR strpos(lower(name), lower($4)) > 0 OR starts_with(lower(code), lower($4)))
        AND (name, external_id) > ($5, $6)
    ORDER BY name, external_id LIMIT $7"""
_ACTIVE = """SELECT list, active FROM entries
    JOIN unnest($3::text[], $4::text[]) AS wanted (list, external_id) USING (list, external_id)
    WHERE connection_id = $1 AND business_id = $2 AND NOT gone"""


async def apply(tx: Tx, said: Iterable[tuple[Entry, int]]) -> None:
    """Keeps of each entry what was said with the highest sequence, the number beside it."""
    rows = [vars(entry.key) | vars(entry) | {"sequence": sequence} for entry, sequence in said]
    await tx.execute(_APPLY, to_json(rows).decode())


async def remove(tx: Tx, gone: Iterable[tuple[EntryKey, str, int]]) -> None:
    """These entries, each with its business, left the provider, unless a higher sequence said something else."""
    rows = [(key.connection_id, key.list, key.external_id, business, sequence) for key, business, sequence in gone]
    await tx.executemany(_REMOVE, rows)


async def record_run(tx: Tx, run: ListRun) -> None:
    """Keeps the last synchronisation of the list."""
    await tx.execute(
        _RAN,
        run.connection_id,
        run.list,
        run.business_id,
        run.list_version,
        run.total,
        run.said,
        run.added,
        run.updated,
        run.removed,
        run.completed_at,
    )


async def lists(tx: Tx, connection_id: str, business_id: str) -> list[ListPicture]:
    """Every list of the connection of which anything has arrived, by name."""
    rows = await tx.fetch(_LISTS, connection_id, business_id)
    return [ListPicture(row["name"], row["entries"], row["entries_of_run"], _run(row)) for row in rows]


async def search(tx: Tx, where: ListKey, text: str, page: Page) -> list[Entry]:
    """A page of the entries whose name holds `text` or whose code begins with it, by name and external id."""
    rows = await tx.fetch(_SEARCH, where.connection_id, where.business_id, where.list, text, *page.after, page.limit)
    return [_entry(row) for row in rows]


async def active(tx: Tx, coding: Coding, business_id: str) -> dict[str, bool]:
    """For each referenced entry that is in its list: whether it is active there."""
    lists_, ids = list(coding.references), list(coding.references.values())
    rows = await tx.fetch(_ACTIVE, coding.connection_id, business_id, lists_, ids)
    return {row["list"]: row["active"] for row in rows}


def _run(row: asyncpg.Record) -> ListRun | None:
    if row["completed_at"] is None:
        return None
    return ListRun(
        connection_id=row["connection_id"],
        list=row["list"],
        business_id=row["business_id"],
        list_version=row["list_version"],
        total=row["total"],
        said=row["said"],
        added=row["added"],
        updated=row["updated"],
        removed=row["removed"],
        completed_at=row["completed_at"],
    )


def _entry(row: asyncpg.Record) -> Entry:
    rates = row["valid_tax_rates"]
    return Entry(
        key=EntryKey(row["connection_id"], row["list"], row["external_id"]),
        business_id=row["business_id"],
        parent_id=row["parent_id"],
        name=row["name"],
        code=row["code"],
        type=row["type"],
        tax_treatment=row["tax_treatment"],
        valid_tax_rates=None if rates is None else tuple(rates),
        active=row["active"],
        list_version=row["list_version"],
    )
