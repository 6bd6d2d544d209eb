import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from build_chassis import a_thing, received

from chassis import inbox
from chassis.consume import knows, reacts
from chassis.database import Database, Tx
from chassis.testing import twice

TODAY = datetime.now(UTC).date()


def id_of(day: date, number: int = 1) -> UUID:
    """A UUIDv7 made at noon of that day."""
    milliseconds = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)
    return UUID(f"{milliseconds:012x}7000800000000000{number:04x}")


async def partition_of(tx: Tx, event_id: UUID) -> str:
    return await tx.fetchval("SELECT tableoid::regclass::text FROM inbox WHERE event_id = $1", event_id)


async def partitions(tx: Tx) -> set[str]:
    return {
        row["name"]
        for row in await tx.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'inbox'::regclass"
        )
    }


async def keep(tx: Tx, today: date) -> None:
    await tx.execute("SELECT inbox_keep_partitions($1)", today)


async def test_an_event_is_new_once_for_each_consumer(tx: Tx) -> None:
    event = received(a_thing())

    assert await inbox.first_time(tx, "one", event)
    assert not await inbox.first_time(tx, "one", event)
    assert await inbox.first_time(tx, "another", event)


async def test_of_concurrent_deliveries_one_is_the_first(database: Database) -> None:
    event = received(a_thing())

    async def deliver() -> bool:
        async with database.transaction() as tx:
            first = await inbox.first_time(tx, "one", event)
            await asyncio.sleep(0.05)
            return first

    assert sorted(await asyncio.gather(*(deliver() for _ in range(6)))) == [False] * 5 + [True]


async def test_when_the_first_rolls_back_a_waiting_duplicate_becomes_the_first(database: Database) -> None:
    event, begun = received(a_thing()), asyncio.Event()

    async def fail() -> None:
        async with database.transaction() as tx:
            await inbox.first_time(tx, "one", event)
            begun.set()
            await asyncio.sleep(0.2)
            raise ZeroDivisionError

    async def deliver() -> bool:
        await begun.wait()
        async with database.transaction() as tx:
            return await inbox.first_time(tx, "one", event)

    failed, first = await asyncio.gather(fail(), deliver(), return_exceptions=True)
    assert isinstance(failed, ZeroDivisionError)
    assert first is True


@pytest.mark.parametrize("days", [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7])
async def test_every_day_of_the_last_seven_and_the_next_two_has_its_partition(tx: Tx, days: int) -> None:
    day = TODAY - timedelta(days=days)
    event = received(a_thing(), id=id_of(day))

    assert await inbox.first_time(tx, "one", event)
    assert await partition_of(tx, event.id) == f"inbox_{day:%Y%m%d}"


@pytest.mark.parametrize("days", [60, -60])
async def test_an_event_of_any_other_day_is_remembered_too(tx: Tx, days: int) -> None:
    event = received(a_thing(), id=id_of(TODAY - timedelta(days=days)))

    assert await inbox.first_time(tx, "one", event)
    assert not await inbox.first_time(tx, "one", event)
    assert await partition_of(tx, event.id) == "inbox_other"


async def test_a_day_that_comes_takes_over_its_early_events(tx: Tx) -> None:
    day = TODAY + timedelta(days=30)
    event = received(a_thing(), id=id_of(day))
    await inbox.first_time(tx, "one", event)

    await keep(tx, day - timedelta(days=1))

    assert await partition_of(tx, event.id) == f"inbox_{day:%Y%m%d}"
    assert not await inbox.first_time(tx, "one", event)


async def test_days_older_than_seven_are_dropped(tx: Tx) -> None:
    await keep(tx, TODAY + timedelta(days=20))

    assert f"inbox_{TODAY:%Y%m%d}" not in await partitions(tx)
    assert f"inbox_{TODAY + timedelta(days=13):%Y%m%d}" in await partitions(tx)


async def test_an_old_day_stays_while_an_event_of_it_was_handled_within_seven_days(tx: Tx) -> None:
    day = TODAY - timedelta(days=7)
    event = received(a_thing(), id=id_of(day))
    await inbox.first_time(tx, "one", event)

    await keep(tx, TODAY + timedelta(days=3))
    assert not await inbox.first_time(tx, "one", event)

    await keep(tx, TODAY + timedelta(days=9))
    assert f"inbox_{day:%Y%m%d}" not in await partitions(tx)


async def test_upkeep_can_run_again_and_beside_a_busy_inbox(database: Database) -> None:
    async with database.transaction() as busy:
        await inbox.first_time(busy, "one", received(a_thing()))
        loop = inbox.upkeep(database)
        assert await loop._step() is False
        assert await loop._step() is False


async def test_a_service_without_rights_on_the_schema_can_still_keep_the_partitions(database: Database) -> None:
    async with database.acquire() as connection:
        role = f"app_{id(database)}"
        await connection.execute(
            f"CREATE ROLE {role}; GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
        )
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL ROLE {role}")
                await keep(connection, TODAY + timedelta(days=5))
                assert await inbox.first_time(
                    connection, "one", received(a_thing(), id=id_of(TODAY + timedelta(days=6)))
                )
        finally:
            await connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_twice_delivers_two_times_and_the_inbox_lets_one_through(tx: Tx) -> None:
    told: list[str] = []

    async def note(event, tx: Tx) -> None:
        told.append(event.subject)

    await twice(reacts(type(a_thing()), note), received(a_thing("thg_1")), tx)
    await twice(knows(type(a_thing()), note), received(a_thing("thg_2")), tx)

    assert told == ["thg_1", "thg_2", "thg_2"]
