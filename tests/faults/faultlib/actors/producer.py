"""A service that posts entries and says so, and does not rest until it knows what became of each command.

A transaction that failed is tried again under its command's id. Where the answer to COMMIT was lost, that next try
finds out: the command's row, if it is there, is waited for and then says that all is done.
"""

import asyncio
import random
import uuid
from datetime import UTC, datetime
from typing import Any

from chassis import outbox
from chassis.clock import happens_within
from chassis.database import Database, Tx, is_outage
from chassis.run import serve
from faultlib.actors.common import Told, run
from faultlib.events import entry, on
from faultlib.history import History
from faultlib.ledger import POST
from relink_contracts.envelope import Outgoing, speaker

_BEGIN = "INSERT INTO commands (id) VALUES ($1) ON CONFLICT DO NOTHING"


class Writer:
    """One after the other, at a steady rate."""

    def __init__(self, told: Told, history: History, database: Database, number: int) -> None:
        self.name = f"writer-{number}"
        self._told, self._history, self._database = told, history, database
        self._chance = random.Random(f"{told.seed}/{number}")
        self._pause = told.writers / told.rate if told.rate else 0.0
        self._left = told.commands // told.writers if told.commands else None
        self._event, self._say = on(told.topic), speaker(told.service)

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set() and self._left != 0:
            self._left = self._left and self._left - 1
            command = uuid.UUID(int=self._chance.getrandbits(128))
            accounts = [f"acc_{self._chance.randrange(self._told.accounts)}" for _ in range(self._chance.randint(1, 3))]
            while not await self._is_done(command, accounts):
                if await happens_within(stopping, 0.2):
                    return
            await happens_within(stopping, self._chance.uniform(0, 2 * self._pause))
        self._history.note("finished", writer=self.name)
        await stopping.wait()

    async def _is_done(self, command: uuid.UUID, accounts: list[str]) -> bool:
        # Sorted, as the outbox sorts: transactions that share two accounts must not wait for each other.
        data = [entry(self._event, account, command, "x" * self._told.padding) for account in sorted(accounts)]
        said = [self._say(each, at=datetime.now(UTC)) for each in data]
        events, phase = [event.id for event in said], "failed"
        try:
            async with self._database.transaction() as tx:
                is_new = await self._post(tx, command, said)
                phase = "unknown"
            phase = "committed" if is_new else "resolved"
        except Exception as error:
            if not is_outage(error):
                raise
            self._history.note(phase, command=command, events=events, error=f"{type(error).__name__}: {error}")
            return False
        self._history.note(phase, command=command, events=events)
        return True

    async def _post(self, tx: Tx, command: uuid.UUID, said: list[Outgoing]) -> bool:
        if await tx.execute(_BEGIN, command) != "INSERT 0 1":
            return False
        await outbox.add(tx, *said)
        for event in said:
            await tx.execute(POST, event.id, command, event.subject)
        return True


async def main(told: Told, history: History) -> None:
    database = await Database.connect(told.database)
    writers: list[Any] = [Writer(told, history, database, number) for number in range(told.writers)]
    history.note("ready")
    await serve(*writers)
    await database.close()


if __name__ == "__main__":
    run(main)
