"""Sign-ins that are under way, and the sessions they end in. Cookies hold random ids; only their hashes are kept."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chassis.database import Database


@dataclass(frozen=True)
class SignIn:
    """Somebody left for the identity provider: what must come back, and where to go then."""

    state: str
    nonce: str
    verifier: str
    return_to: str


@dataclass(frozen=True)
class Session:
    """Somebody is signed in, until `expires_at`."""

    user_id: str
    expires_at: datetime


class Sessions(Protocol):
    """What the pages need of sessions."""

    async def begin(self, sign_in_id: str, sign_in: SignIn, *, expires_at: datetime) -> None:
        """Remember a sign-in that leaves for the identity provider."""

    async def take(self, sign_in_id: str, *, now: datetime) -> SignIn | None:
        """The sign-in that comes back, once; None when there is none, it was taken or took too long."""

    async def open(self, session_id: str, session: Session, *, now: datetime) -> None:
        """Begin a session, and forget what has ended."""

    async def find(self, session_id: str, *, now: datetime) -> Session | None:
        """The session, unless it has ended."""

    async def close(self, session_id: str) -> None:
        """End it. Ending what has ended changes nothing."""


BEGIN = """
    INSERT INTO sign_ins (id_hash, state, nonce, verifier, return_to, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
"""
TAKE = "DELETE FROM sign_ins WHERE id_hash = $1 RETURNING state, nonce, verifier, return_to, expires_at"
FORGET_SIGN_INS = "DELETE FROM sign_ins WHERE expires_at <= $1"
FORGET_SESSIONS = "DELETE FROM sessions WHERE expires_at <= $1"
OPEN = "INSERT INTO sessions (id_hash, user_id, opened_at, expires_at) VALUES ($1, $2, $3, $4)"
FIND = "SELECT user_id, expires_at FROM sessions WHERE id_hash = $1 AND expires_at > $2"
CLOSE = "DELETE FROM sessions WHERE id_hash = $1"


class StoredSessions:
    """`Sessions` in this service's database. Each call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, sign_in_id: str, sign_in: SignIn, *, expires_at: datetime) -> None:
        values = (sign_in.state, sign_in.nonce, sign_in.verifier, sign_in.return_to, expires_at)
        async with self._database.transaction() as tx:
            await tx.execute(BEGIN, _hashed(sign_in_id), *values)

    async def take(self, sign_in_id: str, *, now: datetime) -> SignIn | None:
        async with self._database.transaction() as tx:
            row = await tx.fetchrow(TAKE, _hashed(sign_in_id))
        if row is None or row["expires_at"] <= now:
            return None
        return SignIn(row["state"], row["nonce"], row["verifier"], row["return_to"])

    async def open(self, session_id: str, session: Session, *, now: datetime) -> None:
        async with self._database.transaction() as tx:
            await tx.execute(FORGET_SIGN_INS, now)
            await tx.execute(FORGET_SESSIONS, now)
            await tx.execute(OPEN, _hashed(session_id), session.user_id, now, session.expires_at)

    async def find(self, session_id: str, *, now: datetime) -> Session | None:
        async with self._database.acquire() as tx:
            row = await tx.fetchrow(FIND, _hashed(session_id), now)
        return Session(row["user_id"], row["expires_at"]) if row is not None else None

    async def close(self, session_id: str) -> None:
        async with self._database.transaction() as tx:
            await tx.execute(CLOSE, _hashed(session_id))


def _hashed(secret: str) -> bytes:
    """The ids are 256 random bits, so no salt is needed."""
    return hashlib.sha256(secret.encode()).digest()
