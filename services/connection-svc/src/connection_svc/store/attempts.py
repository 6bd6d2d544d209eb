"""Journeys to a provider's login, with their sealed verifiers and what they brought."""

import json
from dataclasses import asdict
from datetime import datetime

import asyncpg

from chassis.database import Tx
from connection_svc.domain.attempt import Attempt, AttemptStatus, Channel, Intent, OfferedOrganisation, Problem, hashed
from connection_svc.domain.grant import Tokens
from connection_svc.store.connections import ChangedMeanwhile
from connection_svc.store.grants import sealed_values, tokens_of
from connection_svc.store.sealing import Place, Sealed, Vault

GET = "SELECT * FROM attempts WHERE id = $1 AND business_id = $2"

GET_FOR_UPDATE = GET + " FOR UPDATE"

# The three ways in without a business: the browser that comes to us knows an attempt's id or a `state`, nothing else.
BY_ID_FOR_UPDATE = "SELECT * FROM attempts WHERE id = $1 FOR UPDATE"
BY_STATE_FOR_UPDATE = "SELECT * FROM attempts WHERE state_hash = $1 AND provider = $2 FOR UPDATE"
OVERDUE = """
SELECT * FROM attempts WHERE status IN ('started', 'returned') AND expires_at <= $1
 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""

RUNNING = """
SELECT * FROM attempts
 WHERE connection_id = $1 AND business_id = $2 AND status IN ('started', 'returned') AND expires_at > $3
 ORDER BY id
"""

RUNNING_FOR_UPDATE = RUNNING + " FOR UPDATE"

BEGINNING = "SELECT pg_advisory_xact_lock(hashtextextended('attempts of ' || $1, 0))"

INSERT = """
INSERT INTO attempts (id, business_id, connection_id, provider, intent, channel, return_to, started_by, binding_hash,
                      created_at, expires_at, status, offered, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '[]', 1)
"""

SAVE = """
UPDATE attempts
   SET status = $4, problem = $5, state_hash = $6, browser_hash = $7, state_used_at = $8, offered = $9,
       intent = $10, missing_permissions = $11, revision = revision + 1
 WHERE id = $1 AND business_id = $2 AND revision = $3
"""

KEEP_VERIFIER = "UPDATE attempts SET key_id = $3, wrapped_key = $4, verifier = $5 WHERE id = $1 AND business_id = $2"

KEEP_TOKENS = """
INSERT INTO attempt_grants (attempt_id, business_id, key_id, wrapped_key, access_token, refresh_token,
                            access_expires_at, refresh_expires_at, scopes, authorisation_event, obtained_at,
                            idle_refresh_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""

TOKENS = "SELECT * FROM attempt_grants WHERE attempt_id = $1 AND business_id = $2"

FORGET_TOKENS = "DELETE FROM attempt_grants WHERE attempt_id = $1 AND business_id = $2"

FORGET_OLD = """
WITH gone AS (DELETE FROM attempts WHERE id IN (
    SELECT id FROM attempts WHERE status NOT IN ('started', 'returned') AND expires_at <= $1
     ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING id) SELECT count(*) FROM gone
"""


class UnknownAttempt(LookupError):
    """The business has no such attempt; somebody else's is unknown, too."""

    def __init__(self, attempt_id: str) -> None:
        self.attempt_id = attempt_id
        super().__init__(f"there is no attempt {attempt_id}")


async def get(tx: Tx, business_id: str, attempt_id: str) -> Attempt:
    """Raises UnknownAttempt."""
    return _required(await tx.fetchrow(GET, attempt_id, business_id), attempt_id)


async def get_for_update(tx: Tx, business_id: str, attempt_id: str) -> Attempt:
    """The attempt, its row locked. Raises UnknownAttempt."""
    return _required(await tx.fetchrow(GET_FOR_UPDATE, attempt_id, business_id), attempt_id)


async def get_by_id_for_update(tx: Tx, attempt_id: str) -> Attempt:
    """Whoever's it is: for a browser that leaves or comes back. Raises UnknownAttempt."""
    return _required(await tx.fetchrow(BY_ID_FOR_UPDATE, attempt_id), attempt_id)


async def find_by_state_for_update(tx: Tx, state: str, *, provider: str) -> Attempt | None:
    """The attempt that left for this provider under this `state`."""
    row = await tx.fetchrow(BY_STATE_FOR_UPDATE, hashed(state), provider)
    return _attempt(row) if row else None


async def lock_overdue(tx: Tx, *, now: datetime, limit: int) -> list[Attempt]:
    """Open attempts, of any business, whose time is over, locked."""
    return [_attempt(row) for row in await tx.fetch(OVERDUE, now, limit)]


async def running(tx: Tx, business_id: str, connection_id: str, *, now: datetime) -> list[Attempt]:
    """The journeys to this connection that are under way."""
    return [_attempt(row) for row in await tx.fetch(RUNNING, connection_id, business_id, now)]


async def lock_running(tx: Tx, business_id: str, connection_id: str, *, now: datetime) -> list[Attempt]:
    """Like `running`, their rows locked; until the transaction ends nobody else who asks here begins another.

    The connection's row cannot stand in for that lock: those who come back hold an attempt's before they take it.
    """
    await tx.execute(BEGINNING, connection_id)
    return [_attempt(row) for row in await tx.fetch(RUNNING_FOR_UPDATE, connection_id, business_id, now)]


async def add(tx: Tx, attempt: Attempt) -> None:
    """Keep a new attempt."""
    await tx.execute(
        INSERT,
        attempt.id,
        attempt.business_id,
        attempt.connection_id,
        attempt.provider,
        attempt.intent,
        attempt.channel,
        attempt.return_to,
        attempt.started_by,
        attempt.binding_hash,
        attempt.created_at,
        attempt.expires_at,
        attempt.status,
    )


async def save(tx: Tx, attempt: Attempt) -> None:
    """Raises ChangedMeanwhile."""
    done = await tx.execute(
        SAVE,
        attempt.id,
        attempt.business_id,
        attempt.revision,
        attempt.status,
        attempt.problem,
        attempt.state_hash,
        attempt.browser_hash,
        attempt.state_used_at,
        json.dumps([asdict(organisation) for organisation in attempt.offered]),
        attempt.intent,
        attempt.missing_permissions,
    )
    if done != "UPDATE 1":
        raise ChangedMeanwhile(attempt.id, attempt.revision)


async def keep_verifier(tx: Tx, vault: Vault, attempt: Attempt, verifier: str) -> None:
    """The PKCE verifier of the latest leave, sealed."""
    sealed = vault.seal(Place("attempts", attempt.business_id, attempt.id), verifier=verifier)
    await tx.execute(
        KEEP_VERIFIER, attempt.id, attempt.business_id, sealed.key_id, sealed.wrapped_key, sealed.columns["verifier"]
    )


async def verifier_of(tx: Tx, vault: Vault, attempt: Attempt) -> str:
    """The PKCE verifier of the latest leave. Raises Undecipherable."""
    row = await tx.fetchrow(GET, attempt.id, attempt.business_id)
    assert row is not None
    sealed = Sealed(row["key_id"], row["wrapped_key"], {"verifier": row["verifier"]})
    return vault.open(Place("attempts", attempt.business_id, attempt.id), sealed)["verifier"]


async def keep_tokens(tx: Tx, vault: Vault, attempt: Attempt, tokens: Tokens) -> None:
    """What the login brought, sealed, until its organisation is chosen."""
    values = sealed_values(vault, Place("attempt_grants", attempt.business_id, attempt.id), tokens)
    await tx.execute(KEEP_TOKENS, attempt.id, attempt.business_id, *values)


async def kept_tokens(tx: Tx, vault: Vault, attempt: Attempt) -> Tokens:
    """What the login of a returned attempt brought. Raises Undecipherable."""
    row = await tx.fetchrow(TOKENS, attempt.id, attempt.business_id)
    assert row is not None, "a returned attempt has tokens: both are written in one transaction"
    return tokens_of(vault, Place("attempt_grants", attempt.business_id, attempt.id), row)


async def forget_tokens(tx: Tx, attempt: Attempt) -> None:
    """The attempt ended: its tokens are the connection's now, or nobody's."""
    await tx.execute(FORGET_TOKENS, attempt.id, attempt.business_id)


async def forget_old(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete attempts, of any business, that have ended and whose time was over before; how many."""
    return int(await tx.fetchval(FORGET_OLD, before, limit))


def _required(row: asyncpg.Record | None, attempt_id: str) -> Attempt:
    if row is None:
        raise UnknownAttempt(attempt_id)
    return _attempt(row)


def _attempt(row: asyncpg.Record) -> Attempt:
    return Attempt(
        id=row["id"],
        business_id=row["business_id"],
        connection_id=row["connection_id"],
        provider=row["provider"],
        intent=Intent(row["intent"]),
        channel=Channel(row["channel"]),
        return_to=row["return_to"],
        started_by=row["started_by"],
        binding_hash=row["binding_hash"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        status=AttemptStatus(row["status"]),
        problem=Problem(row["problem"]) if row["problem"] else None,
        state_hash=row["state_hash"],
        browser_hash=row["browser_hash"],
        state_used_at=row["state_used_at"],
        missing_permissions=tuple(row["missing_permissions"]),
        offered=tuple(OfferedOrganisation(**organisation) for organisation in json.loads(row["offered"])),
        revision=row["revision"],
    )
