"""The service's own PostgreSQL: one pool, and transactions that are opened where one can see them."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Self, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Tx: TypeAlias = asyncpg.Connection | PoolConnectionProxy
"""A connection, as handlers and stores get it: inside a transaction that somebody else commits."""

# No statement takes longer: below the consumer's rebalance timeout less its waiting budget (see consume.py).
COMMAND_SECONDS = 20.0
_OUTAGES = (
    OSError,  # refused, unknown host, timeout
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shuts down, starts, statement cancelled
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # has just become a replica
    asyncpg.InvalidCachedStatementError,  # a migration changed what the statement answers; it is prepared anew
)

joining: ContextVar[Callable[[Tx], Awaitable[None]] | None] = ContextVar("joining", default=None)
"""What must become true together with the current request's transactions. Set by idempotency.py and nobody else."""


def is_outage(error: BaseException) -> bool:
    """Whether the database, and not what was asked of it, is the trouble: the same again may work later."""
    if isinstance(error, _OUTAGES):
        return True
    # asyncpg tells with the very classes that also tell misuse, and only in words, that this connection is closed, or
    # was lost in the middle of a statement ("cannot switch to state 15; another operation (2) is in progress").
    if type(error) not in (asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    return any(words in str(error) for words in ("clos", "cannot switch to state"))


class Database:
    """A pool of connections. JSON columns go in and out as text."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, url: str, *, max_size: int = 10) -> Self:
        """Opens no connection before one is needed: a server that is away now is like one that goes away later."""
        create = functools.partial(asyncpg.create_pool, command_timeout=COMMAND_SECONDS, timeout=10.0, reset=_as_it_is)
        return cls(await create(url, min_size=0, max_size=max_size))

    @property
    def max_size(self) -> int:
        return self._pool.get_max_size()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Commits when the block ends, rolls back when it raises. Read committed."""
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection
            if (join := joining.get()) is not None:
                await join(connection)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Tx]:
        """A connection without a transaction: each statement commits by itself."""
        async with self._pool.acquire() as connection:
            yield connection

    async def ping(self) -> bool:
        """Whether the database answers within two seconds."""
        try:
            async with asyncio.timeout(2):
                await self._pool.fetchval("SELECT 1")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return False
        return True

    async def close(self) -> None:
        """Waits for the transactions in hand."""
        await self._pool.close()


async def _as_it_is(_connection: Tx) -> None:
    """In place of RESET ALL after each use, a round trip: nobody SETs, LISTENs or locks beyond a transaction."""
