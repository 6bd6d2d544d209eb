"""A relay of the tests. DATABASE KAFKA [die-before-delete]: with that, the first batch kills the process when sent."""

import os
import signal
import sys

from build_chassis import run, say

from chassis.kafka import Sender
from chassis.relay import Relay
from chassis.run import serve


class DiesWhenSent(Sender):
    async def send(self, records: object) -> object:
        await super().send(records)
        os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, kafka: str, *mode: str) -> None:
    relay = Relay(url, kafka)
    if mode:
        relay._senders = [DiesWhenSent(kafka)]

    async def tell() -> None:
        say("ready")

    await serve(relay, tell())


run(main(*sys.argv[1:]))
