"""A process of the tests under chassis.run. WHAT, one of the names below, and a PORT."""

import asyncio
import sys
from datetime import timedelta

from build_chassis import run, say

from chassis import health
from chassis.run import Loop, serve


async def idle() -> bool:
    return False


class Deaf:
    name = "deaf"

    async def run(self, stopping: asyncio.Event) -> None:
        await asyncio.sleep(60)


async def crash() -> None:
    await asyncio.sleep(0.2)
    raise RuntimeError("a bug")


async def tell() -> None:
    say("ready")
    await asyncio.sleep(60)


async def main(what: str, port: str) -> None:
    jobs = {"well": [Loop("idle", idle, every=timedelta(hours=1))], "deaf": [Deaf()], "crash": [crash()]}[what]
    app = health.create_app({})
    await serve(*jobs, tell(), http=(app, "127.0.0.1", int(port)), drain_seconds=2)
    say("ended")


run(main(*sys.argv[1:]))
