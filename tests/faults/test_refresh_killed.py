"""A refresh killed between rotation and storing costs nothing where the provider gives grace, else one expiry.

Without grace nobody has the token that lives: the connection is truly dead, and is told so once, after the minute in
which somebody might yet have stored it.
"""

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from faultlib.grants import Granted, line_of

pytestmark = pytest.mark.quick

GRACE = {"xero": True, "sage": False}


async def test_a_refresh_is_killed_after_the_provider_rotated(
    granted: Granted, seed: int, keep: Callable[[dict[str, Any]], None]
) -> None:
    plan = random.Random(seed)
    provider = list(GRACE)[seed % 2]
    connection = await granted.connect(provider)
    nth = plan.randint(1, 4)
    killed = await granted.start("keeper", connection, rate=20, failpoints=f"grant.rotated:{nth}:SIGKILL")
    assert await killed.ended() < 0
    over = time.monotonic()
    assert granted.practice.newest_refresh_token() != await granted.stored_refresh_token(connection)
    await granted.let_leases_end()

    first = await granted.start("keeper", connection, name="first", commands=1)
    await first.ended()
    if GRACE[provider]:
        assert [line["is_"] for line in first.history if line["did"] == "answer"] == ["usable", "usable"]
        assert granted.practice.newest_refresh_token() == await granted.stored_refresh_token(connection)
    else:
        assert await granted.lifecycle(connection) == "active", "nobody can know yet"
        granted.move_clock(timedelta(minutes=plan.choice([-10, 10])))
        await granted.let_leases_end()
        hasty = await granted.start("keeper", connection, name="hasty", commands=1)
        await hasty.ended()
        assert await granted.lifecycle(connection) == "active", "nor does a clock that jumps tell"
        await granted.let_outcomes_settle()
        others = [await granted.start("keeper", connection, commands=3, rate=50) for _ in range(2)]
        for other in others:
            await other.ended()
        assert await granted.lifecycle(connection) == "revoked"
    line = line_of(
        events=nth,
        lost=GRACE[provider] and await granted.lifecycle(connection) != "active",
        repeated=await granted.repeated_expiries(),
        recovery=time.monotonic() - over,
    )
    keep(line)
    assert (line["lost"], line["repeated_effects"]) == (0, 0)
