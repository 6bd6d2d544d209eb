"""Reconnect links, known by the hashes of their secrets."""

from datetime import datetime

import asyncpg

from chassis.database import Tx
from connection_svc.domain.attempt import hashed
from connection_svc.domain.reconnect import ReconnectLink

# Without a business: whoever holds the secret may see what it leads to.
BY_TOKEN = "SELECT * FROM reconnect_links WHERE token_hash = $1"  # noqa: S105 - a query, not a secret

INSERT = """
INSERT INTO reconnect_links (token_hash, business_id, connection_id, case_id, generation, created_at, expires_at,
                             made_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

SAVE = """
UPDATE reconnect_links SET used_at = $3, attempt_id = $4, asked_at = $5 WHERE token_hash = $1 AND business_id = $2
"""

FORGET_OLD = """
WITH gone AS (DELETE FROM reconnect_links WHERE token_hash IN (
    SELECT token_hash FROM reconnect_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING token_hash) SELECT count(*) FROM gone
"""


class UnknownLink(LookupError):
    """No link has this secret."""

    def __init__(self) -> None:
        super().__init__("there is no such reconnect link")


async def get(tx: Tx, secret: str) -> ReconnectLink:
    """Raises UnknownLink."""
    row = await tx.fetchrow(BY_TOKEN, hashed(secret))
    if row is None:
        raise UnknownLink
    return _link(row)


async def add(tx: Tx, link: ReconnectLink) -> None:
    """Keep a new link."""
    await tx.execute(
        INSERT,
        link.token_hash,
        link.business_id,
        link.connection_id,
        link.case_id,
        link.generation,
        link.created_at,
        link.expires_at,
        link.made_by,
    )


async def save(tx: Tx, link: ReconnectLink) -> None:
    """The caller holds the row of the link's connection."""
    await tx.execute(SAVE, link.token_hash, link.business_id, link.used_at, link.attempt_id, link.asked_at)


async def forget_old(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete links, of any business, whose time was over before; how many."""
    return int(await tx.fetchval(FORGET_OLD, before, limit))


def _link(row: asyncpg.Record) -> ReconnectLink:
    return ReconnectLink(
        token_hash=row["token_hash"],
        business_id=row["business_id"],
        connection_id=row["connection_id"],
        case_id=row["case_id"],
        generation=row["generation"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        made_by=row["made_by"],
        attempt_id=row["attempt_id"],
        asked_at=row["asked_at"],
    )
