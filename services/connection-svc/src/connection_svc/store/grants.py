"""The tokens of connections, sealed, and who may refresh them."""

from datetime import datetime, timedelta

import asyncpg

from chassis.database import Tx
from connection_svc.domain.connection import Connection
from connection_svc.domain.grant import Grant, Tokens
from connection_svc.store.sealing import KeyMissing, Place, Sealed, Undecipherable, Vault

_SELECT = """
SELECT *, greatest(leased_until - clock_timestamp(), '0'::interval) AS leased_for,
       greatest(backing_off_until - clock_timestamp(), '0'::interval) AS backing_off_for,
       clock_timestamp() - unsettled_since AS unsettled_for
  FROM grants WHERE connection_id = $1 AND business_id = $2
"""

GET_FOR_UPDATE = _SELECT + " FOR UPDATE"

# A reconnect puts its tokens over the old ones under the next version: a refresh of the old ones that is still under
# way then finds another version and stores nothing.
PUT = """
INSERT INTO grants (connection_id, business_id, version, key_id, wrapped_key, access_token, refresh_token,
                    access_expires_at, refresh_expires_at, scopes, authorisation_event, obtained_at, idle_refresh_at)
VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (connection_id) DO UPDATE
   SET version = grants.version + 1, key_id = $3, wrapped_key = $4, access_token = $5, refresh_token = $6,
       access_expires_at = $7, refresh_expires_at = $8, scopes = $9, authorisation_event = $10, obtained_at = $11,
       idle_refresh_at = $12, failed_refreshes = 0, unsettled_since = NULL, forced_at = NULL,
       quarantined_at = NULL, lease = grants.lease + 1, leased_until = 'epoch', backing_off_until = 'epoch'
"""

# By the version alone, never by the lease: what the provider gave last must be kept, however late it comes.
ROTATE = """
UPDATE grants
   SET version = version + 1, key_id = $4, wrapped_key = $5, access_token = $6, refresh_token = $7,
       access_expires_at = $8, refresh_expires_at = $9, scopes = $10, authorisation_event = $11, obtained_at = $12,
       idle_refresh_at = $13, forced_at = coalesce($14, forced_at), failed_refreshes = 0, unsettled_since = NULL,
       quarantined_at = NULL, leased_until = 'epoch', backing_off_until = 'epoch'
 WHERE connection_id = $1 AND business_id = $2 AND version = $3
"""

LEASE = """
UPDATE grants
   SET lease = lease + 1, leased_until = clock_timestamp() + $4::interval, unsettled_since = clock_timestamp()
 WHERE connection_id = $1 AND business_id = $2 AND version = $3
RETURNING lease
"""

GIVE_UP = """
UPDATE grants
   SET leased_until = 'epoch', backing_off_until = clock_timestamp() + $4::interval,
       failed_refreshes = failed_refreshes + 1, unsettled_since = CASE WHEN $5 THEN $6 ELSE unsettled_since END
 WHERE connection_id = $1 AND business_id = $2 AND lease = $3
"""

IDLE = """
SELECT g.connection_id, g.business_id
  FROM grants g JOIN connections c ON c.id = g.connection_id
 WHERE g.idle_refresh_at <= $1 AND c.lifecycle = 'active' AND g.quarantined_at IS NULL
   AND g.leased_until <= clock_timestamp() AND g.backing_off_until <= clock_timestamp()
 ORDER BY g.idle_refresh_at LIMIT 1
"""

QUARANTINE = "UPDATE grants SET quarantined_at = $3 WHERE connection_id = $1 AND business_id = $2"

LEAVE_ALONE = """
UPDATE grants SET backing_off_until = clock_timestamp() + $3::interval WHERE connection_id = $1 AND business_id = $2
"""

IS_QUARANTINED = """
SELECT EXISTS (SELECT FROM grants WHERE connection_id = $1 AND business_id = $2 AND quarantined_at IS NOT NULL)
"""

REMOVE = "DELETE FROM grants WHERE connection_id = $1 AND business_id = $2"


class Quarantined(Undecipherable):
    """The row was found damaged before. Nothing in it is opened again; a new consent replaces it."""


async def find(tx: Tx, vault: Vault, business_id: str, connection_id: str) -> Grant | None:
    """None when the connection has no tokens. Raises Undecipherable: Quarantined when that is known already."""
    row = await tx.fetchrow(_SELECT, connection_id, business_id)
    return _grant(vault, row) if row else None


async def find_for_update(tx: Tx, vault: Vault, business_id: str, connection_id: str) -> Grant | None:
    """Like `find`, the row locked. Whoever needs the connection's row too locks that one first."""
    row = await tx.fetchrow(GET_FOR_UPDATE, connection_id, business_id)
    return _grant(vault, row) if row else None


async def put(tx: Tx, vault: Vault, connection: Connection, tokens: Tokens) -> None:
    """The tokens of a new consent, in place of whatever there was."""
    place = Place("grants", connection.business_id, connection.id)
    await tx.execute(PUT, connection.id, connection.business_id, *sealed_values(vault, place, tokens))


async def rotate(tx: Tx, vault: Vault, before: Grant, tokens: Tokens, *, forced: bool) -> bool:
    """Store what a refresh of `before` brought, unless newer tokens were stored since: then False, nothing changed.

    `forced`: a caller's rejected token was the cause.
    """
    place = Place("grants", before.business_id, before.connection_id)
    values = sealed_values(vault, place, tokens)
    forced_at = tokens.obtained_at if forced else None
    done = await tx.execute(ROTATE, before.connection_id, before.business_id, before.version, *values, forced_at)
    return bool(done == "UPDATE 1")


async def lease(tx: Tx, grant: Grant, *, ttl: timedelta) -> int:
    """Take the right to refresh, and write down that the outcome is open. The caller holds the row and looked at it."""
    number = await tx.fetchval(LEASE, grant.connection_id, grant.business_id, grant.version, ttl)
    assert isinstance(number, int), "the row is locked: its version cannot have changed"
    return number


async def give_up(tx: Tx, before: Grant, *, lease: int, pause: timedelta, did_nothing: bool) -> None:
    """A refresh of `before` brought no token. Does nothing once the lease is somebody else's.

    `did_nothing`: the provider said so; what was open before the refresh is then still as open as it was.
    """
    which = (before.connection_id, before.business_id, lease)
    await tx.execute(GIVE_UP, *which, pause, did_nothing, before.unsettled_since)


async def set_aside(tx: Tx, vault: Vault, connection: Connection, *, now: datetime, pause: timedelta) -> bool:
    """Quarantine a grant that does not open; True when it is news. The caller holds the connection's row.

    One whose key is not in the ring may be whole: it is only left alone for `pause`, which is on the database's clock.
    """
    try:
        await find_for_update(tx, vault, connection.business_id, connection.id)
    except Quarantined:
        return False
    except KeyMissing:
        await tx.execute(LEAVE_ALONE, connection.id, connection.business_id, pause)
        return False
    except Undecipherable:
        await tx.execute(QUARANTINE, connection.id, connection.business_id, now)
        return True
    return False  # new tokens have come meanwhile


async def is_quarantined(tx: Tx, connection: Connection) -> bool:
    """Its tokens are damaged: only a new consent brings others."""
    return bool(await tx.fetchval(IS_QUARANTINED, connection.id, connection.business_id))


async def next_idle(tx: Tx, *, now: datetime) -> tuple[str, str] | None:
    """Business and connection of the grant, of any business, that is longest overdue to be kept alive."""
    row = await tx.fetchrow(IDLE, now)
    return (row["business_id"], row["connection_id"]) if row else None


async def remove(tx: Tx, business_id: str, connection_id: str) -> None:
    """Forget the tokens of a connection that has ended."""
    await tx.execute(REMOVE, connection_id, business_id)


def sealed_values(vault: Vault, place: Place, tokens: Tokens) -> tuple[object, ...]:
    """Values of the columns from `key_id` to `idle_refresh_at`, in that order."""
    sealed = vault.seal(place, access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    return (
        sealed.key_id,
        sealed.wrapped_key,
        sealed.columns["access_token"],
        sealed.columns["refresh_token"],
        tokens.access_expires_at,
        tokens.refresh_expires_at,
        list(tokens.scopes),
        tokens.authorisation_event,
        tokens.obtained_at,
        tokens.idle_refresh_at,
    )


def _grant(vault: Vault, row: asyncpg.Record) -> Grant:
    place = Place("grants", row["business_id"], row["connection_id"])
    if row["quarantined_at"] is not None:
        raise Quarantined(place, "refresh_token")
    return Grant(
        connection_id=row["connection_id"],
        business_id=row["business_id"],
        version=row["version"],
        tokens=tokens_of(vault, place, row),
        failed_refreshes=row["failed_refreshes"],
        unsettled_since=row["unsettled_since"],
        unsettled_for=row["unsettled_for"],
        forced_at=row["forced_at"],
        leased_for=row["leased_for"],
        backing_off_for=row["backing_off_for"],
    )


def tokens_of(vault: Vault, place: Place, row: asyncpg.Record) -> Tokens:
    """The tokens in a row with this table's columns. Raises Undecipherable."""
    columns = {name: row[name] for name in ("access_token", "refresh_token")}
    secrets = vault.open(place, Sealed(row["key_id"], row["wrapped_key"], columns))
    return Tokens(
        access_token=secrets["access_token"],
        refresh_token=secrets["refresh_token"],
        access_expires_at=row["access_expires_at"],
        refresh_expires_at=row["refresh_expires_at"],
        scopes=tuple(row["scopes"]),
        authorisation_event=row["authorisation_event"],
        obtained_at=row["obtained_at"],
        idle_refresh_at=row["idle_refresh_at"],
    )
