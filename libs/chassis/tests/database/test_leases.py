import asyncio
from datetime import timedelta

import pytest
from build_chassis import rolled_back

from chassis import leases
from chassis.database import Database
from chassis.leases import LeaseLost

LONG, SHORT = timedelta(minutes=1), timedelta(milliseconds=50)


async def test_one_of_many_gets_the_lease(database: Database) -> None:
    got = await asyncio.gather(*(leases.acquire(database, "work", f"w{number}", LONG) for number in range(8)))

    assert sum(lease is not None for lease in got) == 1


async def test_nobody_gets_it_while_it_is_held_not_even_its_holder(database: Database) -> None:
    assert await leases.acquire(database, "work", "a", LONG)

    assert await leases.acquire(database, "work", "a", LONG) is None
    assert await leases.acquire(database, "other work", "a", LONG)


async def test_a_lease_that_ran_out_goes_to_the_next_with_a_higher_token(database: Database) -> None:
    first = await leases.acquire(database, "work", "a", SHORT)
    await asyncio.sleep(0.1)
    second = await leases.acquire(database, "work", "b", LONG)

    assert second.token > first.token


async def test_a_released_lease_is_free_and_its_token_still_grows(database: Database) -> None:
    first = await leases.acquire(database, "work", "a", LONG)
    await leases.release(database, first)
    second = await leases.acquire(database, "work", "b", LONG)
    await leases.release(database, first)

    assert second.token > first.token
    assert await leases.acquire(database, "work", "c", LONG) is None


async def test_whoever_was_overtaken_may_not_write(database: Database) -> None:
    first = await leases.acquire(database, "work", "a", SHORT)
    await asyncio.sleep(0.1)
    second = await leases.acquire(database, "work", "b", LONG)

    async with database.transaction() as tx:
        await leases.guard(tx, second)
        with pytest.raises(LeaseLost, match="taken over"):
            await leases.guard(tx, first)


async def test_nobody_overtakes_while_a_guarded_transaction_is_open(database: Database) -> None:
    lease = await leases.acquire(database, "work", "a", SHORT)
    await asyncio.sleep(0.1)
    async with database.transaction() as tx:
        await leases.guard(tx, lease)
        waiting = asyncio.create_task(leases.acquire(database, "work", "b", LONG))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert (await waiting).token == lease.token + 1


async def test_an_extended_lease_is_held_longer_under_the_same_token(database: Database) -> None:
    lease = await leases.acquire(database, "work", "a", timedelta(seconds=1))
    longer = await leases.extend(database, lease, LONG)

    assert longer.token == lease.token
    assert longer.until > lease.until
    assert await leases.acquire(database, "work", "b", LONG) is None


async def test_a_lease_that_ran_out_cannot_be_extended(database: Database) -> None:
    lease = await leases.acquire(database, "work", "a", SHORT)
    await asyncio.sleep(0.1)

    with pytest.raises(LeaseLost):
        await leases.extend(database, lease, LONG)


async def test_a_lease_can_be_taken_inside_a_transaction_and_goes_with_its_rollback(database: Database) -> None:
    await rolled_back(database, lambda tx: leases.acquire(tx, "work", "a", LONG))

    assert await leases.acquire(database, "work", "b", LONG)
