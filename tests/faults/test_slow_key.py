"""A handler slower than Kafka's poll interval holds up its own key alone: others go on, and nothing goes in circles.

The interval is three seconds here in place of five minutes. While a batch outlasts it the client leaves the group, so
that the partition comes, with the slow event, to somebody else; the inbox lets only one of them take effect.
"""

import random
import time

from faultlib.ground import Ground, eventually

_POLL_SECONDS, _WRITERS = 3.0, 4
_GIVEN_AT_MOST = 6  # times, of one event: each time that its partition moves, and no more


async def test_other_accounts_go_on_while_one_takes_longer_than_the_poll_interval(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    slow = f"acc_{plan.randrange(30)}"
    for _ in range(2):
        await ground.start("consumer", poll_seconds=_POLL_SECONDS, slow={slow: plan.uniform(3.5, 6.0)})
    await ground.start("relay")
    commands = plan.choice([40, 60, 80])
    producer = await ground.start("producer", rate=10, writers=_WRITERS, accounts=30, commands=commands)
    await eventually(lambda: producer.did("finished") == _WRITERS, seconds=60)
    recovery = await ground.recovered(time.monotonic(), seconds=120)
    await ground.drained()
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)

    lines = sorted((line for actor in ground.actors for line in actor.history), key=lambda line: line["at"])
    given, handled = {}, {}
    for line in lines:
        if line["did"] == "given":
            given.setdefault(line["event"], []).append(line["at"])
        if line["did"] == "handled":
            handled[line["event"]] = line["at"]
    are_slow = [event for event in given if handled[event] - given[event][0] > _POLL_SECONDS]
    assert are_slow, "no event was slow: this seed shows nothing"
    for event in are_slow:
        others = [other for other, at in handled.items() if given[event][0] < at < handled[event] and other != event]
        assert others or given[event][0] > max(handled[other] for other in handled if other not in are_slow), event
    assert max(len(times) for times in given.values()) <= _GIVEN_AT_MOST
