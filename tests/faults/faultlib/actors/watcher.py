"""One replica's yearly clock, looking again and again."""

import asyncio
import random
from pathlib import Path

from chassis.clock import OffsetClock
from chassis.database import Database
from connection_svc.work.watch_consents import watch_consents
from faultlib.actors.common import Told, run
from faultlib.history import History


async def main(told: Told, history: History) -> None:
    chance, clock = random.Random(told.seed), OffsetClock(Path(told.clock))
    database = await Database.connect(told.database)
    history.note("ready")
    while True:
        await watch_consents(database, clock)
        history.note("looked")
        await asyncio.sleep(chance.uniform(0, 0.05))


if __name__ == "__main__":
    run(main)
