"""A migration killed half-way and run again ends as if nothing had happened, while the old release works on.

Killed are the runner's process, which leaves its statement running in PostgreSQL, or its connection, which ends the
statement as well; an index that was being built concurrently is then left behind invalid.
"""

import asyncio
import contextlib
import random
import time

import pytest
from faultlib.ground import Ground

pytestmark = pytest.mark.quick

_ARCHIVE = """CREATE TABLE archive AS SELECT id, 'acc_' || id % 1000 AS account, now() - id * interval '1 minute' AS at
    FROM generate_series(1, 100000) AS id"""
_CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
_KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
_RAN = "SELECT array_agg(version ORDER BY version) FROM schema_migrations WHERE set = 'faultlib.ledger_next'"
_NOT_VALID = """SELECT (SELECT count(*) FROM pg_index WHERE NOT indisvalid)
    + (SELECT count(*) FROM pg_constraint WHERE NOT convalidated)"""
_INDEXES = "SELECT count(*) FROM pg_indexes WHERE indexname IN ($1, $2, $3)"
_BUILT = ("archive_by_account", "ledger_by_command", "archive_by_weight")
_UNWEIGHED = "SELECT count(*) FROM archive WHERE id % 3 = 0 AND weight IS NULL"


async def test_a_migration_killed_and_run_again_under_traffic_is_whole_in_the_end(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    await ground.value(_ARCHIVE)
    await asyncio.gather(ground.start("consumer"), ground.start("relay"))
    producer = await ground.start("producer", rate=plan.choice([20, 40]))
    kills = 0
    for _ in range(plan.randint(2, 4)):
        runner = await ground.start("migrator")
        while runner.lives and not await ground.value(_CONNECTED, runner.name):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        with contextlib.suppress(TimeoutError):
            await runner.ended(plan.uniform(0, 0.3))
        if runner.lives and plan.random() < 0.5:
            kills += 1
            await runner.kill()
        elif runner.lives:
            kills += bool(await ground.value(_KILL, runner.name))
            await runner.ended()
    over = time.monotonic()
    last = await ground.start("migrator")
    assert await last.ended() == 0, last.tail()
    recovery = await ground.recovered(over)
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    assert kills, "every run had ended before it was killed: this seed shows nothing"
    assert await ground.value(_RAN) == [1, 2, 3, 4, 5]
    assert await ground.value(_NOT_VALID) == 0
    assert await ground.value(_INDEXES, *_BUILT) == len(_BUILT)
    assert await ground.value(_UNWEIGHED) == 0
    await ground.verdict(recovery_seconds=recovery)
