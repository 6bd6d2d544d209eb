"""A new key for every row while the service runs; what is sealed stays as it is."""

import asyncio
from datetime import timedelta

import pytest
from build_connection_svc import BUSINESS, KEY, NOON, VAULT, a_connection, an_attempt, some_tokens, stored

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.domain.connection import Connection, Organisation
from connection_svc.store import attempts, grants
from connection_svc.store.sealing import Vault
from connection_svc.work.rekey import rekey

RING = {"k1": KEY, "k2": bytes(32)}
NEW = Vault(RING, current="k2")
ONLY_NEW = Vault({"k2": bytes(32)}, current="k2")


@pytest.fixture
async def connections_(database: Database) -> list[Connection]:
    async with database.transaction() as tx:
        return [
            await stored(tx, a_connection(organisation=Organisation(f"org-{number}", "One")), some_tokens())
            for number in range(5)
        ]


async def keys_named(database: Database) -> set[str]:
    async with database.acquire() as tx:
        return {row["key_id"] for row in await tx.fetch("SELECT key_id FROM grants")}


async def test_every_row_opens_without_the_old_key_and_its_tokens_are_untouched(
    connections_: list[Connection], database: Database
) -> None:
    sealed = "SELECT connection_id, version, access_token, refresh_token FROM grants ORDER BY 1"
    async with database.acquire() as tx:
        before = await tx.fetch(sealed)

    assert await rekey(database, NEW, batch=2) == 0

    async with database.acquire() as tx:
        assert await tx.fetch(sealed) == before
        for connection in connections_:
            grant = await grants.find(tx, ONLY_NEW, BUSINESS, connection.id)
            assert grant is not None
            assert grant.tokens == some_tokens()


async def test_what_a_login_under_way_has_sealed_is_wrapped_too(database: Database) -> None:
    async with database.transaction() as tx:
        connection = await stored(tx, a_connection())
        attempt = an_attempt(connection_id=connection.id)
        await attempts.add(tx, attempt)
        await attempts.keep_verifier(tx, VAULT, attempt, "the-verifier")
        await attempts.keep_tokens(tx, VAULT, attempt, some_tokens())

    await rekey(database, NEW, batch=2)

    async with database.acquire() as tx:
        assert await attempts.verifier_of(tx, ONLY_NEW, attempt) == "the-verifier"
        assert await attempts.kept_tokens(tx, ONLY_NEW, attempt) == some_tokens()


@pytest.mark.usefixtures("connections_")
async def test_run_again_it_changes_nothing(database: Database) -> None:
    await rekey(database, NEW, batch=2)
    async with database.acquire() as tx:
        before = await tx.fetch("SELECT * FROM grants ORDER BY connection_id")

    assert await rekey(database, NEW, batch=2) == 0

    async with database.acquire() as tx:
        assert await tx.fetch("SELECT * FROM grants ORDER BY connection_id") == before


@pytest.mark.usefixtures("connections_")
async def test_two_at_once_share_the_work(database: Database) -> None:
    assert await asyncio.gather(rekey(database, NEW, batch=2), rekey(database, NEW, batch=2)) == [0, 0]
    assert await keys_named(database) == {"k2"}


async def test_a_damaged_row_is_left_and_counted_and_holds_up_no_other(
    connections_: list[Connection], database: Database
) -> None:
    async with database.acquire() as tx:
        await tx.execute("UPDATE grants SET wrapped_key = 'damaged' WHERE connection_id = $1", connections_[0].id)

    assert await rekey(database, NEW, batch=2) == 1

    async with database.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM grants WHERE key_id = 'k2'") == 4


async def test_a_refresh_that_was_under_way_is_stored(
    connections_: list[Connection], database: Database, clock: FrozenClock
) -> None:
    async with database.acquire() as tx:
        before = await grants.find(tx, VAULT, BUSINESS, connections_[0].id)
        assert before is not None
    await rekey(database, NEW, batch=2)

    async with database.transaction() as tx:
        newer = some_tokens(access_token="newer", obtained_at=NOON + timedelta(minutes=1))
        assert await grants.rotate(tx, NEW, before, newer, forced=False)
