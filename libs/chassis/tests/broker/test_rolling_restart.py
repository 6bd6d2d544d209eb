"""Workers that come and go. It cannot catch a member that is stopped (SIGSTOP) for longer than its session."""

import asyncio
import signal

from build_chassis import ThingHappened, a_thing, eventually, make_topic, on, process, produce, said

from chassis.database import Database

THINGS, ROUNDS = 40, 200


async def test_a_clean_restart_of_each_worker_under_load_loses_repeats_and_reorders_nothing(
    service: str, kafka: str, database: Database, database_url: str
) -> None:
    topic = await make_topic(kafka, f"{service}.thing.events.v1", partitions=6)
    arguments = (service, database_url, kafka, topic, "8")
    things = [f"thg_{number}" for number in range(THINGS)]
    async with database.acquire() as connection:
        await connection.executemany("INSERT INTO things (id) VALUES ($1)", [(thing,) for thing in things])
    workers = [await process("consumer.py", *arguments) for _ in range(2)]
    event = on(topic, ThingHappened)

    async def load() -> None:
        for number in range(ROUNDS):
            await produce(kafka, *(said(a_thing(thing, event, number=number)) for thing in things))
            await asyncio.sleep(0.03)

    loading = asyncio.create_task(load())
    for turn in range(4):
        await asyncio.sleep(1)
        leaving = workers.pop(0)
        leaving.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(leaving.wait(), 30) == 0, turn
        workers.append(await process("consumer.py", *arguments))
    await loading

    async def all_seen() -> bool:
        async with database.acquire() as connection:
            return await connection.fetchval("SELECT sum(cardinality(seen)) FROM things") >= THINGS * ROUNDS

    await eventually(all_seen, seconds=60)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
        await asyncio.wait_for(worker.wait(), 30)
    async with database.acquire() as connection:
        seen = {row["id"]: row["seen"] for row in await connection.fetch("SELECT * FROM things")}
    assert seen == {thing: list(range(ROUNDS)) for thing in things}
