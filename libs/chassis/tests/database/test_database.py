import asyncio
import time

import asyncpg
import pytest
from build_chassis import rolled_back

from chassis.database import Database, is_outage


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.AdminShutdownError(),
        asyncpg.TooManyConnectionsError(),
        asyncpg.SerializationError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.QueryCanceledError(),
        asyncpg.LockNotAvailableError(),
        asyncpg.ReadOnlySQLTransactionError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InterfaceError("pool is closing"),
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    ],
)
def test_an_outage_is_told_from(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError(),
        asyncpg.UndefinedTableError(),
        asyncpg.DataError("invalid input: closed"),
        asyncpg.InterfaceError("the server expects 1 argument for this query, 0 were passed"),
        ValueError(),
        KeyError(),
    ],
)
def test_a_mistake_of_ours(error: Exception) -> None:
    assert not is_outage(error)


async def test_a_transaction_commits_at_its_end_and_rolls_back_when_it_raises(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO things (id) VALUES ('kept')")
    await rolled_back(database, lambda tx: tx.execute("INSERT INTO things (id) VALUES ('gone')"))

    async with database.acquire() as connection:
        assert [row["id"] for row in await connection.fetch("SELECT id FROM things")] == ["kept"]


async def test_a_cut_connection_is_an_outage_and_the_pool_heals(database: Database) -> None:
    async def cut() -> None:
        async with database.transaction() as tx:
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as told:
        await cut()

    assert is_outage(told.value)
    assert await database.ping()


async def test_a_server_that_is_away_is_waited_for_by_nobody_at_the_start() -> None:
    begun = time.monotonic()
    database = await Database.connect("postgresql://app@127.0.0.1:1/stub")
    assert not await database.ping()
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        async with database.transaction():
            pass
    assert time.monotonic() - begun < 5
    await database.close()


async def test_more_transactions_than_connections_wait_their_turn(database: Database) -> None:
    async def work() -> None:
        async with database.transaction() as tx:
            await tx.execute("SELECT pg_sleep(0.02)")

    await asyncio.gather(*(work() for _ in range(3 * database.max_size)))


async def test_the_last_statement_of_a_transaction_is_its_commit(database: Database, database_url: str) -> None:
    async with database.transaction() as tx:
        process = await tx.fetchval("SELECT pg_backend_pid()")

    onlooker = await asyncpg.connect(database_url)
    last = await onlooker.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", process)
    await onlooker.close()
    assert last == "COMMIT;"
