"""How an actor starts: what it is told, its history, and its end when the test ends."""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

import uvloop

from chassis.observe import configure_logging
from faultlib.history import History

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class Told:
    """What `Ground.start` tells an actor. `seed` is of this actor alone; the rest is for some of them."""

    name: str
    history: str
    database: str
    kafka: str
    service: str
    topic: str
    seed: int
    rate: float = 40.0  # transactions a second in all; 0 is as fast as it goes
    writers: int = 4
    accounts: int = 12
    commands: int = 0  # how many in all; 0 is without end
    padding: int = 0  # bytes added to each event
    port: int = 0  # of its HTTP server, 0 is none
    peer: dict[str, str] = field(default_factory=dict)  # the public key of those whom the API believes
    work: tuple[float, float] = (0.0, 0.0)  # seconds of the handler's work, from and to
    slow: dict[str, float] = field(default_factory=dict)  # seconds instead, for these accounts
    fails: tuple[str, ...] = ()  # accounts whose events the handler cannot stand
    providers: dict[str, dict[str, str]] = field(default_factory=dict)  # settings of the practice providers
    ring: dict[str, str] = field(default_factory=dict)  # keys in hex that tokens are sealed under
    current_key: str = ""
    clock: str = ""  # the file with the offset of the domain's clock
    connections: tuple[str, ...] = ()  # whose tokens are wanted; all of business biz_faults
    refreshes: bool = True  # or only hands out the tokens that live
    poll_seconds: float = 0.0  # how long Kafka's client lets a batch take; 0 is its own five minutes


def run(main: Callable[[Told, History], Awaitable[None]]) -> None:
    """Call `main` as the services' `__main__` does."""
    given = json.loads(sys.argv[1])
    _die_with(given["test"])
    told = Told(**{each.name: given[each.name] for each in fields(Told) if each.name in given})
    configure_logging(told.name, "info")
    history = History(Path(told.history))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(told, history))
    history.note("ended")


def _die_with(test: int) -> None:
    """A test that is itself killed must leave no process behind. Only Linux can promise that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != test:
            sys.exit("the test ended before this process began")
