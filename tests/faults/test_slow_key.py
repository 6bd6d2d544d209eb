"""A handler slower than Kafka's poll interval holds up no other key of its batch, and nothing goes in circles.

The interval is three seconds here in place of five minutes. While a batch outlasts it the client leaves the group, so
that the partition comes, with the slow event, to somebody else: the inbox lets only one of them take effect. Not
promised is that a consumer takes its next batch before the slow one has ended.
"""

import asyncio
import random
import time
from collections import Counter

from faultlib.ground import Ground, eventually

_POLL_SECONDS, _WRITERS = 3.0, 4
_GIVEN_AT_MOST = 6  # times, of one event: each time that its partition moves, and no more
_NOT_SENT = "SELECT count(*) FROM outbox"
_POSTED = "SELECT array_agg(event_id::text) FROM ledger"
_OF_ACCOUNT = "SELECT array_agg(event_id::text ORDER BY id) FROM ledger WHERE account = $1"
_A_FEW_TIMES = """SELECT array_agg(account ORDER BY account)
    FROM (SELECT account FROM ledger GROUP BY account HAVING count(*) < 4) AS few"""


async def test_other_accounts_go_on_while_one_takes_longer_than_the_poll_interval(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    await ground.start("relay")
    load = {"rate": 20, "writers": _WRITERS, "accounts": 30, "commands": 40}
    before = await ground.start("producer", **load)
    await eventually(lambda: before.did("finished") == _WRITERS)
    await ground.until_none(_NOT_SENT, seconds=60)
    waiting = await ground.value(_POSTED)
    account = plan.choice(await ground.value(_A_FEW_TIMES))
    slow = await ground.value(_OF_ACCOUNT, account)

    told = {"poll_seconds": _POLL_SECONDS, "slow": {account: plan.uniform(4.5, 6.5)}}
    first = await ground.start("consumer", **told)
    during = await ground.start("producer", **load)
    await asyncio.sleep(plan.uniform(0, 5))
    await ground.start("consumer", **told)
    await eventually(lambda: during.did("finished") == _WRITERS)
    recovery = await ground.recovered(time.monotonic())
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)

    given = [line for actor in ground.actors for line in actor.history if line["did"] == "given"]
    times = Counter(line["event"] for line in given)
    assert 1 < max(times.values()) <= _GIVEN_AT_MOST
    partition = next(line["partition"] for line in given if line["event"] == slow[0])
    batch = {line["event"] for line in given if line["partition"] == partition} & set(waiting)
    handled = {line["event"]: line["at"] for line in first.history if line["did"] == "handled"}
    assert [event for event in batch - set(slow) if handled[event] > handled[slow[0]]] == []
