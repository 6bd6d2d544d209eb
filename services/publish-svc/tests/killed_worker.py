"""Workers in processes of their own, for tests that kill them: the real loops, a provider that lives in a table.

`python killed_worker.py DATABASE_URL` starts one for each line it reads and answers its process id, one at a time:
forked, since importing everything anew takes longer than the life of a worker here.
"""

import asyncio
import os
import random
import sys
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace

from build_publish_svc import FakeDocuments, FakeTokens, a_token

from chassis import clock, observe, run
from chassis.database import Database
from providers import models
from publish_svc.domain.lane import Patience
from publish_svc.work.lanes import lane_loops
from publish_svc.work.tools import Tools

TABLES = """CREATE TABLE IF NOT EXISTS provider_bills (
    seq bigint GENERATED ALWAYS AS IDENTITY, reference text, number text, connection_id text)"""


@dataclass
class TableProvider:
    """Each call commits by itself and takes a moment before and after: a good place to be killed at. It knows no
    keys, so only our own looking prevents a second bill."""

    database: Database
    name = "xero"
    facts = SimpleNamespace(longest_processing=timedelta(milliseconds=50))

    async def create_bill(
        self, access: models.Access, bill: models.Bill, key: str, deadline: float
    ) -> models.Published:
        await pause()
        async with self.database.acquire() as db:
            seq = await db.fetchval(
                "INSERT INTO provider_bills (reference, number) VALUES ($1, $2) RETURNING seq",
                bill.reference,
                bill.number,
            )
        await pause()
        return models.Published(str(seq))

    async def find_bill(self, access: models.Access, bill: models.Bill) -> models.Published | None:
        async with self.database.acquire() as db:
            seq = await db.fetchval("SELECT seq FROM provider_bills WHERE reference = $1", bill.reference)
        return models.Published(str(seq)) if seq else None

    async def attach(self, access: models.Access, published: models.Published, document: models.Document) -> None:
        await pause()


class LongTokens(FakeTokens):
    def __init__(self) -> None:
        super().__init__()
        self.answer = a_token(expires_at=clock.SystemClock().now() + timedelta(hours=1))


async def pause() -> None:
    await asyncio.sleep(random.uniform(0, 0.03))


async def main(url: str) -> None:
    observe.configure_logging("publish-svc", "warning")
    database = await Database.connect(url)
    async with database.acquire() as db:
        await db.execute(TABLES)
    tools = Tools(
        database=database,
        tokens=LongTokens(),
        documents=FakeDocuments(),
        providers={"xero": TableProvider(database)},  # type: ignore[dict-item]
        clock=clock.SystemClock(),
        wall=clock.SystemClock(),
        worker="killed",
        patience=Patience(),
        write_deadline=timedelta(milliseconds=300),
        lease_time=timedelta(milliseconds=300),
    )
    await run.serve(*lane_loops(tools, 2), drain_seconds=1)


if __name__ == "__main__":
    for _ in sys.stdin:
        if (worker := os.fork()) == 0:
            asyncio.run(main(sys.argv[1]))
            os._exit(0)
        sys.stdout.write(f"{worker}\n")
        sys.stdout.flush()
        os.waitpid(worker, 0)
