"""A refresh paused past its lease and continued: the newest token at the provider is the one stored, whoever got it.

The paused one holds a token that is not stored. Another replica refreshes meanwhile, with the old one: a provider with
grace gives it a newer token, one without refuses it, which then must not be believed, whatever its clock says. Or it
is paused just before it asks: then it asks with a token that is spent, and its own refusal must not be believed.
"""

import random
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psutil
import pytest
from faultlib.grants import Granted, line_of
from faultlib.ground import eventually

pytestmark = pytest.mark.quick


async def test_a_replica_is_paused_with_the_token_in_its_hands(
    granted: Granted, seed: int, keep: Callable[[dict[str, Any]], None]
) -> None:
    plan = random.Random(seed)
    provider, place = [("sage", "grant.rotated"), ("xero", "grant.rotated"), ("sage", "grant.leased")][seed % 3]
    connection = await granted.connect(provider)
    nth = plan.randint(1, 3)
    paused = await granted.start("keeper", connection, rate=20, commands=nth, failpoints=f"{place}:{nth}:SIGSTOP")
    await eventually(lambda: psutil.Process(paused.process.pid).status() == psutil.STATUS_STOPPED)
    waiting = await granted.start("keeper", connection, name="waiting", commands=1)
    await waiting.ended()
    assert waiting.did("refresh.begun") == 0, "the lease of the paused one is valid"
    assert granted.overlaps() == 0
    await granted.let_leases_end()
    minutes = plan.choice([-10, 0, 10])
    granted.move_clock(timedelta(minutes=minutes))
    other = await granted.start("keeper", connection, name="other", commands=1)
    await other.ended()
    # The lease is over. A token that Sage gave for five minutes is refreshed for the caller, and then kept alive.
    has_run_out = place == "grant.leased" and nth > 1 and minutes == 10
    assert other.did("refresh.begun") == (2 if has_run_out else 1)

    paused.signal(signal.SIGCONT)
    over = time.monotonic()
    await paused.ended()
    newest = granted.practice.newest_refresh_token() == await granted.stored_refresh_token(connection)
    line = line_of(
        events=nth + 1,
        lost=(not newest) + (await granted.lifecycle(connection) != "active"),
        repeated=await granted.repeated_expiries(),
        recovery=time.monotonic() - over,
    )
    keep(line)
    assert (line["lost"], line["repeated_effects"]) == (0, 0)
