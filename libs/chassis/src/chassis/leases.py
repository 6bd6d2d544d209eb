"""One holder at a time for a named piece of work, on the database's clock, with a token that fences off the late."""

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.database import Database, Tx


@dataclass(frozen=True)
class Lease:
    """Held until `until` of the database's clock. A later holder of the same name has a higher token."""

    name: str
    holder: str
    token: int
    until: datetime


class LeaseLost(Exception):
    """Somebody else has taken the work over: what we found out must not be written."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        super().__init__(f"lease {lease.name} with token {lease.token} of {lease.holder} was taken over")


_ACQUIRE = """INSERT INTO leases AS held (name, holder, token, until) VALUES ($1, $2, 1, clock_timestamp() + $3)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = held.token + 1, until = excluded.until
    WHERE held.until <= clock_timestamp() RETURNING token, until"""
_GUARD = "SELECT 1 FROM leases WHERE name = $1 AND token = $2 FOR UPDATE"
_EXTEND = """UPDATE leases SET until = clock_timestamp() + $3
    WHERE name = $1 AND token = $2 AND until > clock_timestamp() RETURNING until"""
_RELEASE = "UPDATE leases SET until = clock_timestamp() WHERE name = $1 AND token = $2 AND until > clock_timestamp()"


async def acquire(db: Tx | Database, name: str, holder: str, ttl: timedelta) -> Lease | None:
    """The lease, or None while anybody, the same holder included, has it."""
    async with _connection(db) as connection:
        row = await connection.fetchrow(_ACQUIRE, name, holder, ttl)
    return Lease(name, holder, row["token"], row["until"]) if row else None


async def guard(tx: Tx, lease: Lease) -> None:
    """Raises `LeaseLost` if anybody acquired the name since, be it after it ran out; nobody can until `tx` ends."""
    if await tx.fetchval(_GUARD, lease.name, lease.token) is None:
        raise LeaseLost(lease)


async def extend(db: Tx | Database, lease: Lease, ttl: timedelta) -> Lease:
    """Held for `ttl` from now on. Raises `LeaseLost` once it ran out, taken over or not."""
    async with _connection(db) as connection:
        until = await connection.fetchval(_EXTEND, lease.name, lease.token, ttl)
    if until is None:
        raise LeaseLost(lease)
    return replace(lease, until=until)


async def release(db: Tx | Database, lease: Lease) -> None:
    """Free for the next one. Does nothing if it was taken over."""
    async with _connection(db) as connection:
        await connection.execute(_RELEASE, lease.name, lease.token)


def _connection(db: Tx | Database) -> AbstractAsyncContextManager[Tx]:
    return db.acquire() if isinstance(db, Database) else nullcontext(db)
