import asyncio
from datetime import timedelta

from build_list_svc import NOON, a_draft, a_rule

from chassis import outbox
from chassis.database import Database
from chassis.testing import FrozenClock
from list_svc import outgoing
from list_svc.store import rules
from list_svc.work.say_rules_again import EVERY, say_rules_again, weekly


async def with_two_rules_of_which_one_is_deleted(database: Database) -> None:
    kept, deleted = a_rule("rul_1"), a_rule("rul_2", draft=a_draft("Northern Paper Ltd"))
    async with database.transaction() as tx:
        for rule in (kept, deleted):
            await rules.insert(tx, rule)
            await outbox.add(tx, outgoing.rule_state(rule, at=NOON))
        await rules.delete(tx, deleted, by="usr_anna", at=NOON)
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM outbox")


async def said(database: Database) -> list[tuple[str, int, bool]]:
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT aggregateid, aggregate_seq, payload FROM outbox ORDER BY id")
    return [(row["aggregateid"], row["aggregate_seq"], row["payload"] is None) for row in rows]


async def test_every_rule_is_said_with_its_next_number_and_a_deleted_one_as_gone(database: Database) -> None:
    await with_two_rules_of_which_one_is_deleted(database)

    assert await say_rules_again(database, FrozenClock(NOON)) == 2

    assert await said(database) == [("rul_1", 2, False), ("rul_2", 2, True)]


async def test_it_happens_once_a_week(database: Database) -> None:
    await with_two_rules_of_which_one_is_deleted(database)
    clock = FrozenClock(NOON)
    step = weekly(database, clock)._step

    await step()
    clock.advance(EVERY - timedelta(minutes=1))
    await step()
    assert len(await said(database)) == 2

    clock.advance(timedelta(minutes=1))
    await asyncio.gather(step(), step())
    assert len(await said(database)) == 4
