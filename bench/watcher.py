"""The yearly clock over many connections: what finding those that are due costs, and that the others cost nothing.

- claim: `connections.lock_watched`, 50 due connections as domain objects, and one statement that makes them not due;
  beside a bare loop of `UPDATE … WHERE id IN (SELECT … FOR UPDATE SKIP LOCKED LIMIT 50)` over the same table. Each
  batch is a transaction.
- ticks, of 50,000 and 1,000,000 connections: whole ticks of `watch_consents` (claim, save, say the warning, note it in
  the history) over as many due ones among so many, beside the same where all are due.

A row that was claimed becomes due again after each round, and what was said is deleted. PostgreSQL vacuums and analyses
before each round, as it would in the course of a year.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from bench.ground import Ground
from bench.runner import ROUNDS, AtLeast, Case, interleaved
from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.store import connections
from connection_svc.work.watch_consents import watch_consents

SIZES, SIZES_SMALL = (5_000, 50_000, 1_000_000), (1_000, 20_000)
PATIENCE: Final = 600  # seconds, for a million rows at once; nothing that is measured takes nearly as long
DUE, DUE_SMALL = 5_000, 1_000  # the fewest connections are all due
Step = Callable[[Database], Awaitable[bool]]
"""Takes one batch; False when none is due."""
NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLOCK: Final = FrozenClock(NOW)

# The first $2 have 30 days left and are due; the others are a month from their first warning.
_CONNECT: Final = """INSERT INTO connections (id, business_id, provider, lifecycle, generation, organisation_id,
        organisation_name, scopes, connected_at, consent_expires_at, watch_at, created_at, revision)
    SELECT 'con_' || nth, 'biz_' || nth, 'xero', 'active', 1, 'org_' || nth, 'One of many', '{}', NULL,
           due_at + '30 d'::interval, due_at, due_at, 1
      FROM generate_series(1, $1::int) n, lpad(n::text, 8, '0') nth,
           LATERAL (SELECT $3::timestamptz + CASE WHEN n <= $2 THEN '0 d' ELSE '30 d' END::interval) AS f (due_at)"""
_SETTINGS: Final = """INSERT INTO connection_settings
    SELECT id, business_id, 1, false, true, false, NULL, '{}', 'usr_bench', created_at FROM connections"""
_DUE_AGAIN: Final = """UPDATE connections SET watch_at = $1, warned_stage = NULL
    WHERE consent_expires_at = $1::timestamptz + '30 d'::interval"""
_CLAIM: Final = f"""UPDATE connections SET watch_at = $1::timestamptz + '16 d'::interval WHERE id IN (
    SELECT id FROM connections WHERE watch_at <= $1 ORDER BY watch_at LIMIT {connections.WATCHED_AT_ONCE}
     FOR UPDATE SKIP LOCKED) RETURNING id"""  # noqa: S608 - a number of our own
_NOT_DUE: Final = "UPDATE connections SET watch_at = $1::timestamptz + '16 d'::interval WHERE id = ANY($2)"


async def run(ground: Ground, *, small: bool) -> list[Case]:
    sizes, due, rounds = (SIZES_SMALL, DUE_SMALL, 3) if small else (SIZES, DUE, ROUNDS)
    databases = {size: await _connected(ground, size, due) for size in sizes}
    most = databases[sizes[-1]]
    sides = [partial(_rate, most, step, due) for step in (claim, bare_claim)]
    ours, theirs = await interleaved(*sides, rounds=rounds)
    ticks = await interleaved(*(partial(_rate, one, tick, due) for one in databases.values()), rounds=rounds)
    for database in databases.values():
        await database.close()
    fewest, *others = ticks
    return [
        Case(f"claim, of {sizes[-1]:,}", "connections/s", ours, theirs, AtLeast(0.7)),
        *(
            Case(f"ticks, {size:,} connections", "connections/s", found, fewest, AtLeast(0.8))
            for size, found in zip(sizes[1:], others, strict=True)
        ),
    ]


async def claim(database: Database) -> bool:
    """A batch as the watcher claims it."""
    async with database.transaction() as tx:
        due = await connections.lock_watched(tx, now=NOW)
        await tx.execute(_NOT_DUE, NOW, [connection.id for connection in due])
    return bool(due)


async def bare_claim(database: Database) -> bool:
    async with database.transaction() as tx:
        return bool(await tx.fetch(_CLAIM, NOW))


async def tick(database: Database) -> bool:
    return await watch_consents(database, CLOCK)


async def _rate(database: Database, step: Step, due: int) -> float:
    """Due connections in a second until none is left."""
    async with database.acquire() as tx:
        await tx.execute(_DUE_AGAIN, NOW)
        await tx.execute("TRUNCATE outbox, connection_history")
        await tx.execute("VACUUM ANALYZE connections", timeout=PATIENCE)
    begun = time.perf_counter()
    while await step(database):
        pass
    return due / (time.perf_counter() - begun)


async def _connected(ground: Ground, size: int, due: int) -> Database:
    database = await Database.connect(await ground.database("connection_svc"))
    async with database.acquire() as tx:
        await tx.execute(_CONNECT, size, due, NOW, timeout=PATIENCE)
        await tx.execute(_SETTINGS, timeout=PATIENCE)
        await tx.execute("VACUUM ANALYZE connections, connection_settings", timeout=PATIENCE)
    return database
