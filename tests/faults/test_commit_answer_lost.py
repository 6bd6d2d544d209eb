"""A connection cut at COMMIT, its answer lost, leaves nobody guessing: each command and each event takes effect once.

The proxy cuts right after it has forwarded COMMIT, so PostgreSQL does commit, perhaps after its client has already
asked again; or just before, so that it does not. A producer asks by its command's id, the API's caller by its
Idempotency-Key, the consumer by its inbox; the relay sends again what it does not know to be deleted.
"""

import asyncio
import random
import time
from datetime import timedelta

import pytest
from faultlib.client import PUBLIC, Client
from faultlib.ground import Ground
from faultlib.history import History
from faultlib.proxy import Cut

from devstack.ports import free_port

pytestmark = pytest.mark.quick

_SECONDS = 6
# The API itself takes a command that it may have died over up again after a minute. That minute passes here at once.
_A_MINUTE_PASSES = "UPDATE idempotency_keys SET begun_at = begun_at - $1::interval WHERE status IS NULL RETURNING 1"


async def test_every_lost_answer_to_a_commit_is_resolved_and_nothing_happens_twice(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    rest = random.Random(f"{seed}/cuts")
    likely = {"consumer": 0.05, "relay": 0.04, "producer": 0.15, "api": 0.15}
    proxies = {}
    for kind in likely:
        proxies[kind], address = await ground.database_proxy()
        extra = {"port": free_port(), "peer": PUBLIC} if kind == "api" else {}
        actor = await ground.start(kind, database=address, rate=plan.choice([20, 40]), **extra)
    history = History(ground.directory / "client.history")
    client = Client(actor.told["port"], ground.service, history, plan)

    def cutter(chance: float):
        def look(chunk: bytes) -> Cut | None:
            if b"COMMIT;\0" not in chunk or rest.random() > chance:
                return None
            return rest.choice([Cut.AFTER, Cut.AFTER, Cut.BEFORE])

        return look

    for kind, proxy in proxies.items():
        proxy.inspect = cutter(likely[kind])
    end = time.monotonic() + _SECONDS
    async with asyncio.timeout(60):
        while time.monotonic() < end or not all(proxy.cuts for proxy in proxies.values()):
            await client.post()
            await asyncio.sleep(plan.uniform(0, 0.05))
    for proxy in proxies.values():
        proxy.inspect = None
    over = time.monotonic()
    recovery = await ground.recovered(over)

    await ground.value(_A_MINUTE_PASSES, timedelta(seconds=61))
    for command, account in list(client.unanswered.items()):
        await client.ask(command, account)
    assert not client.unanswered
    await client.close()
    await next(actor for actor in ground.actors if actor.name.startswith("producer")).stop()
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery, more_histories=[history.path])
