"""How the providers do, and the failures that tell."""

from datetime import UTC, datetime

import asyncpg

from chassis.database import Tx
from connection_svc.domain.connection import Connection
from connection_svc.domain.health import WINDOW, Evidence, Health, ProviderHealth

NOTE = """
INSERT INTO provider_failures AS known (connection_id, business_id, provider, symptom, failures, first_at, latest_at)
VALUES ($1, $2, $3, $4, 1, $5, $5)
ON CONFLICT (connection_id) DO UPDATE
   SET symptom = excluded.symptom, latest_at = greatest(known.latest_at, excluded.latest_at),
       failures = CASE WHEN known.latest_at < $5 - $6::interval THEN 1 ELSE known.failures + 1 END,
       first_at = CASE WHEN known.latest_at < $5 - $6::interval THEN excluded.first_at ELSE known.first_at END
"""

EVIDENCE = """
SELECT sum(failures) AS failures, count(*) AS connections, min(first_at) AS first_at, max(latest_at) AS latest_at,
       mode() WITHIN GROUP (ORDER BY symptom) AS symptom
  FROM provider_failures WHERE provider = $1 AND latest_at > $2
"""

FORGET = "DELETE FROM provider_failures WHERE connection_id = $1 AND business_id = $2"

WORKING = "SELECT count(*) FROM connections WHERE provider = $1 AND lifecycle = 'active'"

LATEST_FAILED = """
SELECT f.business_id, f.connection_id FROM provider_failures f JOIN connections c ON c.id = f.connection_id
 WHERE f.provider = $1 AND c.lifecycle = 'active' ORDER BY f.latest_at DESC LIMIT 1
"""

GET = "SELECT * FROM provider_health WHERE provider = $1"

FIRST = """
INSERT INTO provider_health (provider, health, since) VALUES ($1, 'ok', $2) ON CONFLICT (provider) DO NOTHING
"""

EVERY = "SELECT * FROM provider_health ORDER BY provider FOR UPDATE"

EVER = datetime.min.replace(tzinfo=UTC)

SAVE = "UPDATE provider_health SET health = $2, since = $3, symptom = $4 WHERE provider = $1"


async def note(tx: Tx, connection: Connection, symptom: str, *, now: datetime) -> None:
    """A call for this connection failed for the provider's sake."""
    await tx.execute(NOTE, connection.id, connection.business_id, connection.provider, symptom, now, WINDOW)


async def forget(tx: Tx, connection: Connection) -> None:
    """What failed for this connection says nothing any more."""
    await tx.execute(FORGET, connection.id, connection.business_id)


async def evidence(tx: Tx, provider: str, *, since: datetime) -> Evidence | None:
    """What failed after `since`; None when nothing did."""
    row = await tx.fetchrow(EVIDENCE, provider, since)
    return Evidence(**row) if row and row["connections"] else None


async def working(tx: Tx, provider: str) -> int:
    """The number of the provider's active connections."""
    return int(await tx.fetchval(WORKING, provider))


async def latest_failed(tx: Tx, provider: str) -> tuple[str, str] | None:
    """Business and id of the active connection that failed last; None when none ever did."""
    row = await tx.fetchrow(LATEST_FAILED, provider)
    return (row["business_id"], row["connection_id"]) if row else None


async def get(tx: Tx, provider: str) -> ProviderHealth:
    """As it does; well since ever when nothing was ever said of it."""
    row = await tx.fetchrow(GET, provider)
    return _health(row) if row else ProviderHealth(provider, Health.OK, EVER)


async def get_for_update(tx: Tx, provider: str) -> ProviderHealth:
    """As `get`, its row locked: whoever says an event about the provider holds this."""
    await tx.execute(FIRST, provider, EVER)
    row = await tx.fetchrow(GET + " FOR UPDATE", provider)
    assert row is not None, "rows are never deleted"
    return _health(row)


async def every(tx: Tx) -> list[ProviderHealth]:
    """All of which anything was ever said, locked, to say it again."""
    return [_health(row) for row in await tx.fetch(EVERY)]


async def save(tx: Tx, health: ProviderHealth) -> None:
    """The caller holds the row."""
    await tx.execute(SAVE, health.provider, health.health, health.since, health.symptom)


def _health(row: asyncpg.Record) -> ProviderHealth:
    return ProviderHealth(row["provider"], Health(row["health"]), row["since"], row["symptom"])
