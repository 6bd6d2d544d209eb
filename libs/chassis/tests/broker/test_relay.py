import asyncio
import signal
from collections import defaultdict

from build_chassis import ThingHappened, a_thing, drop_topics, eventually, everything_on, make_topic, on, process, said

from chassis import outbox
from chassis.database import Database
from chassis.relay import Relay

EVENTS = 3000


async def rows_left(database: Database) -> int:
    async with database.acquire() as connection:
        return await connection.fetchval("SELECT count(*) FROM outbox")


def empty(database: Database):
    async def check() -> bool:
        return await rows_left(database) == 0

    return check


async def fill(database: Database, topic: str, *, things: int = 30, events: int = EVENTS) -> None:
    event = on(topic, ThingHappened)
    async with database.transaction() as tx:
        await outbox.add(tx, *(said(a_thing(f"thg_{n % things}", event, number=n)) for n in range(events)))


def sequences_by_thing(records) -> dict[bytes, list[int]]:
    found = defaultdict(list)
    for record in records:
        found[record.key].append(int(dict(record.headers)["ce_sequence"]))
    return found


def without_repeats(sequences: list[int]) -> list[int]:
    return list(dict.fromkeys(sequences))


async def test_events_leave_in_order_whole_and_are_deleted(stage, database: Database, database_url: str) -> None:
    await fill(database, stage.topic)
    stopping = asyncio.Event()
    task = asyncio.create_task(Relay(database_url, stage.kafka).run(stopping))
    await eventually(empty(database))
    stopping.set()
    await task

    records = await everything_on(stage.kafka, stage.topic)
    assert len(records) == EVENTS
    for sequences in sequences_by_thing(records).values():
        assert sequences == list(range(1, EVENTS // 30 + 1))
    headers = dict(records[0].headers)
    assert headers["ce_type"] == b"relink.thing.happened.v1"
    assert headers["ce_partitionkey"] == records[0].key


async def test_a_commit_wakes_the_relay_at_once(stage, database: Database, database_url: str) -> None:
    stopping = asyncio.Event()
    task = asyncio.create_task(Relay(database_url, stage.kafka).run(stopping))
    await fill(database, stage.topic, events=1)
    await eventually(empty(database))
    await asyncio.sleep(0.3)
    begun = asyncio.get_running_loop().time()
    await fill(database, stage.topic, events=1)
    await eventually(empty(database))
    assert asyncio.get_running_loop().time() - begun < 0.6
    stopping.set()
    await task


async def test_three_relays_invert_nothing(stage, database: Database, database_url: str) -> None:
    relays = [await process("relay.py", database_url, stage.kafka) for _ in range(3)]
    for _ in range(6):
        await fill(database, stage.topic, events=1500)
    await eventually(empty(database), seconds=60)
    for relay in relays:
        relay.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(relay.wait(), 20) == 0

    found = sequences_by_thing(await everything_on(stage.kafka, stage.topic))
    assert all(sequences == list(range(1, 301)) for sequences in found.values())


async def test_a_relay_killed_between_sending_and_deleting_loses_nothing_and_keeps_first_order(
    stage, database: Database, database_url: str
) -> None:
    await fill(database, stage.topic)
    for _ in range(3):
        dying = await process("relay.py", database_url, stage.kafka, "die-before-delete")
        assert await asyncio.wait_for(dying.wait(), 30) == -signal.SIGKILL
    assert await rows_left(database) == EVENTS
    living = await process("relay.py", database_url, stage.kafka)
    await eventually(empty(database))
    living.send_signal(signal.SIGTERM)
    await asyncio.wait_for(living.wait(), 20)

    records = await everything_on(stage.kafka, stage.topic)
    assert len(records) > EVENTS  # what was sent and not deleted came again, under the same ids
    assert len({dict(record.headers)["ce_id"] for record in records}) == EVENTS
    for sequences in sequences_by_thing(records).values():
        assert without_repeats(sequences) == list(range(1, EVENTS // 30 + 1))


async def test_what_is_committed_late_below_what_has_left_is_sent(stage, database: Database, database_url: str) -> None:
    stopping = asyncio.Event()
    task = asyncio.create_task(Relay(database_url, stage.kafka).run(stopping))
    async with database.transaction() as late:
        await outbox.add(late, said(a_thing("thg_late", on(stage.topic, ThingHappened))))
        for _ in range(5):
            await fill(database, stage.topic, events=30)
            await eventually(empty(database))
    await eventually(empty(database))
    stopping.set()
    await task
    assert sequences_by_thing(await everything_on(stage.kafka, stage.topic))[b"thg_late"] == [1]


async def test_a_topic_that_is_missing_holds_up_no_other(stage, database: Database, database_url: str, service) -> None:
    await fill(database, f"{service}.missing.events.v1", things=30, events=30)
    await fill(database, stage.topic, things=30, events=30)
    stopping = asyncio.Event()
    task = asyncio.create_task(Relay(database_url, stage.kafka).run(stopping))

    async def half_left() -> bool:
        return await rows_left(database) == 30

    await eventually(half_left, seconds=120)
    missing = await make_topic(stage.kafka, f"{service}.missing.events.v1")
    await eventually(empty(database), seconds=120)
    stopping.set()
    await task
    assert len(await everything_on(stage.kafka, missing)) == 30
    await drop_topics(stage.kafka, [missing])


async def test_a_relay_outlives_a_broker_that_is_away_and_a_connection_that_is_cut(
    stage, database: Database, database_url: str
) -> None:
    stopping = asyncio.Event()
    away = asyncio.create_task(Relay(database_url, "127.0.0.1:1").run(stopping))
    await fill(database, stage.topic, events=10)
    await asyncio.sleep(1)
    assert not away.done()
    assert await rows_left(database) == 10
    there = asyncio.create_task(Relay(database_url, stage.kafka).run(stopping))
    await eventually(empty(database))
    async with database.acquire() as connection:
        await connection.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )
    await fill(database, stage.topic, events=10)
    await eventually(empty(database))
    stopping.set()
    await asyncio.gather(away, there)


async def test_a_relay_outlives_a_migration_that_changes_what_its_statements_answer(
    stage, database: Database, database_url: str
) -> None:
    stopping = asyncio.Event()
    task = asyncio.create_task(Relay(database_url, stage.kafka).run(stopping))
    for _ in range(4):  # until each of its connections has prepared its statements
        await fill(database, stage.topic, events=10)
        await eventually(empty(database))
    async with database.acquire() as connection:
        await connection.execute("ALTER TABLE outbox ALTER COLUMN headers TYPE jsonb")
    for _ in range(4):
        await fill(database, stage.topic, events=10)
        await eventually(empty(database))
    stopping.set()
    await task
    assert len(await everything_on(stage.kafka, stage.topic)) == 80
