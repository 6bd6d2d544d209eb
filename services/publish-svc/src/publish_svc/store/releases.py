"""Releases, and what became of their items."""

from datetime import datetime

import asyncpg

from chassis.database import Tx
from publish_svc.domain.connections import ConnectionPicture
from publish_svc.domain.releases import Finished, Release, Tally
from publish_svc.store import items

_ADD = """INSERT INTO releases (id, business_id, connection_id, trigger, waiting, started_at)
    VALUES ($1, $2, $3, $4, $5, $6)"""
_GET = "SELECT * FROM releases WHERE id = $1"
_LAST = "SELECT * FROM releases WHERE business_id = $1 AND connection_id = $2 ORDER BY id DESC LIMIT 1"
_TALLY = """SELECT count(*) FILTER (WHERE status = 'published') AS published,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status IN ('queued', 'held', 'publishing', 'uncertain')) AS unsettled
    FROM items WHERE release_id = $1"""
_FINISH = "UPDATE releases SET finished_at = $2, published = $3, failed = $4, excluded = $5 WHERE id = $1"


async def begin(tx: Tx, connection: ConnectionPicture, release_id: str, trigger: str, *, now: datetime) -> Release:
    """Count all that waits at the connection into a new release. The caller saves the connection with its id."""
    waiting = await items.join_release(tx, connection.id, release_id)
    release = Release(release_id, connection.business_id, connection.id, trigger, waiting, now)
    await tx.execute(_ADD, release_id, release.business_id, release.connection_id, trigger, waiting, now)
    return release


async def get(tx: Tx, release_id: str) -> Release:
    """A release that is known to exist: its connection names it."""
    row = await tx.fetchrow(_GET, release_id)
    if row is None:
        raise LookupError(f"no release {release_id}")
    return _release(row)


async def last_at(tx: Tx, business_id: str, connection_id: str) -> Release | None:
    """The connection's release that is running, or that ran last."""
    row = await tx.fetchrow(_LAST, business_id, connection_id)
    return _release(row) if row else None


def _release(row: asyncpg.Record) -> Release:
    return Release(
        id=row["id"],
        business_id=row["business_id"],
        connection_id=row["connection_id"],
        trigger=row["trigger"],
        waiting=row["waiting"],
        started_at=row["started_at"],
    )


async def tally(tx: Tx, release_id: str) -> Tally:
    row = await tx.fetchrow(_TALLY, release_id)
    if row is None:
        raise LookupError(f"no tally of release {release_id}")
    return Tally(published=row["published"], failed=row["failed"], unsettled=row["unsettled"])


async def finish(tx: Tx, finished: Finished, *, at: datetime) -> None:
    release = finished.release
    await tx.execute(_FINISH, release.id, at, finished.published, finished.failed, finished.excluded)
