"""Says every rule again, weekly: a relay that was paused for long could have left an old record as the last one."""

from datetime import timedelta
from typing import Final

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database
from chassis.run import Loop
from list_svc import outgoing
from list_svc.store import rules

EVERY: Final = timedelta(days=7)
_AT_ONCE: Final = 200


async def say_rules_again(database: Database, clock: Clock) -> int:
    """Every rule of every business once more, deleted ones as gone, and how many those were.

    In transactions of 200, so that nobody who edits a rule waits for long.
    """
    said, last = 0, ""
    while True:
        async with database.transaction() as tx:
            batch = await rules.everything_after(tx, last, limit=_AT_ONCE)
            now = clock.now()
            await outbox.add(
                tx,
                *(
                    outgoing.rule_gone(rule, at=now) if deleted else outgoing.rule_state(rule, at=now)
                    for rule, deleted in batch
                ),
            )
        if not batch:
            return said
        said, last = said + len(batch), batch[-1][0].rule_id


def weekly(database: Database, clock: Clock) -> Loop:
    """One replica does it. One that dies in the middle leaves the rest for the next week, or for `republish-state`."""

    async def step() -> bool:
        async with database.transaction() as tx:
            due = await rules.begin_saying_again(tx, now=clock.now(), every=EVERY)
        if due:
            await say_rules_again(database, clock)
        return False

    return Loop("say-rules-again", step, every=timedelta(hours=1))
