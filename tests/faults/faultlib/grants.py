"""connection-svc's tokens and yearly clock at practice providers, for cells that break those.

The actors run the service's own work without its relay and consumer: what it says stays in the outbox and is read
there. What the provider gave last is read in the simulator's own file.
"""

import asyncio
import json
import sqlite3
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from chassis.database import Database
from chassis.migrations import migrate
from connection_svc.domain.connection import Connection, Lifecycle, Organisation
from connection_svc.domain.grant import Tokens
from connection_svc.store import connections, grants
from connection_svc.store.sealing import Vault
from connection_svc.work.token_keeper import LEASE
from faultlib.ground import Actor, Ground, _execute, with_database
from faultlib.servers import Servers
from relink_contracts.ids import new_id
from simulator.testing import KNOWN, Practice

BUSINESS: Final = "biz_faults"
RING: Final = {"old": bytes(range(32)).hex(), "new": bytes(range(32, 64)).hex()}
YEAR, DAY = timedelta(days=365), timedelta(days=1)
_OUTCOMES_SETTLE = "UPDATE grants SET unsettled_since = unsettled_since - interval '1 minute'"
_LEASES_END = "UPDATE grants SET leased_until = 'epoch', backing_off_until = 'epoch'"


_CASES = "SELECT count(*) FROM reconnect_cases WHERE connection_id = $1"
_NEWEST = "SELECT token FROM refresh_tokens WHERE replaced_at IS NULL ORDER BY expires_at DESC LIMIT 1"


@dataclass(frozen=True)
class Practised:
    running: Practice
    state_file: Path

    def newest_refresh_token(self) -> str:
        """The one that was issued last, of whatever provider, and has no successor."""
        with sqlite3.connect(self.state_file) as state:
            return str(state.execute(_NEWEST).fetchone()[0])


@dataclass
class Granted:
    """One seed's connections. `ground` starts its actors."""

    ground: Ground
    practice: Practised
    database: Database
    clock: Path

    async def start(self, kind: str, *connection_ids: str, key: str = "old", **told: Any) -> Actor:
        """An actor on this database, with the practice providers and the ring."""
        settings = self.practice.running.settings()
        return await self.ground.start(
            kind,
            connections=connection_ids,
            ring=RING,
            current_key=key,
            clock=str(self.clock),
            providers=settings,
            **told,
        )

    def move_clock(self, offset: timedelta) -> None:
        """The domain's clock of every actor stands so far from the machine's; the simulator's stays."""
        self.clock.write_text(str(offset.total_seconds()))

    async def connect(
        self, provider: str, *, organisation: str | None = None, consented_at: datetime | None = None
    ) -> str:
        """Log in at the practice provider; the connection that came of it. `organisation`: another, of no login."""
        now, real = consented_at or datetime.now(UTC), KNOWN[provider].organisation
        answer = {"access_token": f"access of {organisation}", "refresh_token": f"refresh of {organisation}"}
        if organisation is None:
            answer = await asyncio.to_thread(self.practice.running.connected, provider, real)
        pending = Connection(new_id("con"), BUSINESS, provider, created_at=now)
        active = replace(
            pending,
            lifecycle=Lifecycle.ACTIVE,
            generation=1,
            organisation=Organisation(organisation or real, "Demo Trading Ltd"),
            connected_at=now,
            consent_expires_at=now + YEAR,
            revision=1,
        )
        idle = now + 45 * DAY
        tokens = Tokens(answer["access_token"], answer["refresh_token"], now + DAY, now + YEAR, (), None, now, idle)
        async with self.database.transaction() as tx:
            await connections.add(tx, pending, by="usr_anna")
            await connections.save(tx, active)
            await grants.put(tx, vault("old"), active, tokens)
        return active.id

    async def stored_refresh_token(self, connection_id: str, *, key: str = "old") -> str:
        async with self.database.acquire() as tx:
            grant = await grants.find(tx, vault(key), BUSINESS, connection_id)
        assert grant is not None
        return grant.tokens.refresh_token

    async def lifecycle(self, connection_id: str) -> str:
        return str(await self.ground.value("SELECT lifecycle FROM connections WHERE id = $1", connection_id))

    async def let_leases_end(self) -> None:
        """As half a minute would: their clock is the database's."""
        await self.ground.value(_LEASES_END)

    async def let_outcomes_settle(self) -> None:
        """As a minute would: after it nobody can be about to store what a refresh brought."""
        await self.let_leases_end()
        await self.ground.value(_OUTCOMES_SETTLE)

    async def said(self) -> dict[str, list[tuple[str, dict[str, Any]]]]:
        """What was said of each connection, in order: the event's short name and its data."""
        async with self.database.acquire() as tx:
            rows = await tx.fetch("SELECT type, payload FROM outbox ORDER BY id")
        told = defaultdict(list)
        for row in rows:
            data = json.loads(row["payload"])
            told[data["connection_id"]].append((row["type"].removeprefix("relink.").removesuffix(".v1"), data))
        return told

    async def repeated_expiries(self) -> int:
        """Expiries, repairs asked for and cases beyond the first of each connection, and those that are missing."""
        wrong = 0
        for connection_id, events in (await self.said()).items():
            counts = Counter(event for event, _ in events)
            cases = await self.ground.value(_CASES, connection_id)
            is_over = await self.lifecycle(connection_id) != Lifecycle.ACTIVE
            wrong += sum(
                abs(number - is_over) for number in (counts["connection.expired"], counts["reconnect.requested"], cases)
            )
        return wrong

    def overlaps(self) -> int:
        """Refreshes that began while another of the same connection was under way, within its lease.

        A process that was killed, or paused beyond its lease, is not under way any more once the cell ended its lease.
        """
        lines = sorted(
            ({**line, "actor": actor.name} for actor in self.ground.actors for line in actor.history),
            key=lambda line: line["at"],
        )
        under_way: dict[str, tuple[str, float]] = {}
        found = 0
        for line in lines:
            match line["did"]:
                case "refresh.begun":
                    held = under_way.get(line["connection"])
                    found += held is not None and line["at"] - held[1] < LEASE.total_seconds()
                    under_way[line["connection"]] = (line["actor"], line["at"])
                case "refresh.ended":
                    if under_way.get(line["connection"], ("", 0))[0] == line["actor"]:
                        del under_way[line["connection"]]
        return found


def vault(key: str) -> Vault:
    return Vault({name: bytes.fromhex(value) for name, value in RING.items()}, current=key)


def line_of(*, events: int, lost: int, repeated: int, order: int = 0, recovery: float | None = None) -> dict[str, Any]:
    """A seed's line of the table."""
    return {
        "events": events,
        "lost": int(lost),
        "repeated_effects": repeated,
        "order_violations": order,
        "duplicates": 0,
        "recovery_seconds": None if recovery is None else round(recovery, 2),
    }


async def lay(servers: Servers, practice: Practised, seed: int, directory: Path) -> Granted:
    """A fresh database of connection-svc, and the practice providers as at their first start."""
    await servers.all_started()
    name = f"grants_{uuid.uuid4().hex[:12]}"
    await _execute(servers.postgres_url, f"CREATE DATABASE {name}")
    url = with_database(servers.postgres_url, name)
    await migrate(url, "connection_svc")
    (await asyncio.to_thread(practice.running.post, "/sim/reset")).raise_for_status()
    ground = Ground(servers, seed, directory, url, "connection-svc", "")
    return Granted(ground, practice, await Database.connect(url), directory / "clock")


async def take_up(granted: Granted) -> None:
    await granted.ground.end()
    await granted.database.close()
    name = urlsplit(granted.ground.database).path[1:]
    await _execute(granted.ground.servers.postgres_url, f"DROP DATABASE {name} WITH (FORCE)")
