import asyncio
import json
from uuid import UUID

import pytest
from build_chassis import a_thing, rolled_back, said

from chassis import outbox
from chassis.database import Database, Tx
from relink_contracts.envelope import RecordTooLarge


async def sequences(tx: Tx, thing_id: str) -> list[int]:
    rows = await tx.fetch("SELECT aggregate_seq FROM outbox WHERE aggregateid = $1 ORDER BY id", thing_id)
    return [row["aggregate_seq"] for row in rows]


async def test_each_event_of_an_entity_takes_its_next_number(tx: Tx) -> None:
    await outbox.add(tx, said(a_thing("thg_1")))
    await outbox.add(tx, said(a_thing("thg_2")))
    await outbox.add(tx, said(a_thing("thg_1")))

    assert await sequences(tx, "thg_1") == [1, 2]
    assert await sequences(tx, "thg_2") == [1]


async def test_many_events_at_once_are_numbered_in_the_order_given(tx: Tx) -> None:
    await outbox.add(tx, *(said(a_thing(f"thg_{number % 3}", number=number)) for number in range(300)))

    rows = await tx.fetch("SELECT aggregateid, aggregate_seq, payload FROM outbox ORDER BY id")
    assert [json.loads(row["payload"])["number"] for row in rows] == list(range(300))
    assert await sequences(tx, "thg_2") == list(range(1, 101))


async def test_the_row_has_what_a_change_data_capture_needs(tx: Tx) -> None:
    event = said(a_thing("thg_1"))
    await outbox.add(tx, event)

    row = await tx.fetchrow("SELECT * FROM outbox")
    headers = json.loads(row["headers"])
    assert row["event_id"] == event.id == UUID(headers["ce_id"])
    assert (row["aggregatetype"], row["aggregateid"], row["type"]) == ("thing", "thg_1", "relink.thing.happened.v1")
    assert row["topic"] == "testing.thing.events.v1"
    assert int(headers["ce_sequence"]) == row["aggregate_seq"] == 1
    assert json.loads(row["payload"])["thing_id"] == "thg_1"


async def test_what_is_rolled_back_is_never_said_and_takes_no_number(database: Database) -> None:
    await rolled_back(database, lambda tx: outbox.add(tx, said(a_thing())))
    async with database.transaction() as tx:
        await outbox.add(tx, said(a_thing()))
        assert await sequences(tx, "thg_1") == [1]


async def test_row_ids_and_sequences_agree_when_many_speak_about_one_entity(database: Database) -> None:
    async def say(pause: float) -> None:
        async with database.transaction() as tx:
            await outbox.add(tx, said(a_thing()), said(a_thing()))
            await asyncio.sleep(pause)

    await asyncio.gather(*(say(0.002 * (number % 5)) for number in range(30)))

    async with database.acquire() as tx:
        assert await sequences(tx, "thg_1") == list(range(1, 61))


async def test_transactions_that_name_the_same_entities_in_different_orders_do_not_lock_each_other_out(
    database: Database,
) -> None:
    things = [a_thing(f"thg_{number}") for number in range(1000)]

    async def say(order: list) -> None:
        async with database.transaction() as tx:
            await outbox.add(tx, *(said(thing) for thing in order))

    await asyncio.gather(*(say(order) for order in [things, things[::-1]] * 3))

    async with database.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM outbox") == 6000


async def test_an_event_too_large_for_a_topic_fails_the_transaction_that_says_it(tx: Tx) -> None:
    with pytest.raises(RecordTooLarge):
        await outbox.add(tx, said(a_thing(note="x" * 1_000_001)))


async def test_adding_nothing_is_nothing(tx: Tx) -> None:
    await outbox.add(tx)

    assert await tx.fetchval("SELECT count(*) FROM outbox") == 0
