"""Named places where a fault test may end or stop this process; nothing unless the environment arms them.

With `RELINK_TEST_FAILPOINTS=relay.sent:3:SIGKILL,outbox.added:1:SIGSTOP` the process sends itself that signal when it
comes to the place for the third, or first, time. Refused in production (settings.py).
"""

import os
import signal
from collections import Counter
from typing import Final

_TOLD: Final = [each.split(":") for each in os.environ.get("RELINK_TEST_FAILPOINTS", "").split(",") if each]
ARMED: Final = {(place, int(time)): signal.Signals[name] for place, time, name in _TOLD}
_times: Final[Counter[str]] = Counter()


def reach(place: str) -> None:
    if ARMED:
        _times[place] += 1
        if (place, _times[place]) in ARMED:
            os.kill(os.getpid(), ARMED[place, _times[place]])
