"""One replica's token keeper: it hands out tokens of its connections, and refreshes one after the other.

`rate` refreshes a second, of connections by chance; with `commands` it ends after so many. Between them it asks for a
token, as a caller would.
"""

import asyncio
import itertools
import random
from datetime import datetime
from pathlib import Path

import httpx2

from chassis.clock import OffsetClock
from chassis.database import Database
from connection_svc.domain.connection import DetectedBy
from connection_svc.domain.grant import Checking, Over, Usable
from connection_svc.store.sealing import Vault
from connection_svc.work.token_keeper import TokenKeeper
from faultlib.actors.common import Told, run
from faultlib.history import History
from providers import ProviderSettings, build
from providers.models import Grant

_BUSINESS = "biz_faults"


class Noting:
    """A provider whose refreshes are in the history, of the connection that is in hand."""

    def __init__(self, provider: object, history: History) -> None:
        self._provider, self._history = provider, history
        self.connection = ""

    def __getattr__(self, name: str) -> object:
        return getattr(self._provider, name)

    async def refresh(self, refresh_token: str, now: datetime) -> Grant:
        connection = self.connection
        self._history.note("refresh.begun", connection=connection)
        try:
            return await self._provider.refresh(refresh_token, now)
        finally:
            self._history.note("refresh.ended", connection=connection)


async def main(told: Told, history: History) -> None:
    chance = random.Random(told.seed)
    vault = Vault({name: bytes.fromhex(key) for name, key in told.ring.items()}, current=told.current_key)
    database = await Database.connect(told.database)
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as http:
        real = build(ProviderSettings.model_validate(told.providers), http)
        noting = {name: Noting(provider, history) for name, provider in real.items()}
        keeper = TokenKeeper(database, vault, noting, OffsetClock(Path(told.clock)))
        history.note("ready")
        for number in itertools.count(1):
            connection = chance.choice(told.connections)
            for each in noting.values():
                each.connection = connection
            _note(history, connection, await keeper.access(_BUSINESS, connection, asked_by=DetectedBy.SYNC))
            if told.refreshes:
                _note(history, connection, await keeper.keep_alive(_BUSINESS, connection))
            if number == told.commands:
                break
            await asyncio.sleep(chance.expovariate(told.rate))


def _note(history: History, connection: str, answer: Usable | Over | Checking) -> None:
    match answer:
        case Usable(access_token):
            history.note("answer", connection=connection, is_="usable", access_token=access_token)
        case Over(reason):
            history.note("answer", connection=connection, is_="over", reason=reason)
        case Checking(because):
            history.note("answer", connection=connection, is_="checking", reason=because)


if __name__ == "__main__":
    run(main)
