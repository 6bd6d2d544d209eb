"""A release whose handler fails puts few events aside before it stops and says so, and the next release does the rest.

Five handler failures in a row on one partition stop the consumer: it takes nothing more, is alive and not ready, and
its metric raises the alarm. Each other partition may have put aside up to four by then, and four more after each
success, which ends a row.
"""

import random
import time

from faultlib import raw
from faultlib.ground import Ground, eventually

from devstack.ports import free_port

_IN_A_ROW, _PARTITIONS = 5, 6


async def test_a_bad_release_stops_after_five_in_a_row_and_a_good_one_goes_on(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    accounts = [f"acc_{number}" for number in range(60)]
    bad = accounts if plan.random() < 0.5 else plan.sample(accounts, 57)
    failing = await ground.start("consumer", port=free_port(), fails=bad)
    await ground.start("relay")
    producer = await ground.start("producer", accounts=60, rate=plan.choice([20, 40]))
    alarm = f'consumer_stopped{{consumer="{ground.service}"}}'

    async def has_stopped() -> bool:
        return await failing.metric(alarm) == 1

    await eventually(has_stopped, seconds=60)
    assert await failing.is_live()
    assert not await failing.is_ready()
    letters = await raw.read(ground.kafka, ground.dead_letters)
    rows_ended = _PARTITIONS - 1 + failing.did("handled")
    assert _IN_A_ROW <= len(letters) <= _IN_A_ROW + rows_ended * (_IN_A_ROW - 1)
    assert {letter.header("dlq-error-code") for letter in letters} == {"unexpected"}
    attempts = failing.did("given")
    await producer.stop()
    assert failing.did("given") == attempts, "it took more after it had stopped"

    await failing.stop()
    over = time.monotonic()
    await ground.start("consumer")
    ground.put_aside += [letter.header("ce_id") for letter in letters]
    recovery = await ground.recovered(over)
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)
