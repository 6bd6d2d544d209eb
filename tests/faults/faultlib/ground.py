"""What one seed of a cell stands on: its own database and topics, and the actors that it starts and ends."""

import asyncio
import json
import os
import random
import signal
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic

from chassis.migrations import migrate
from devstack.home import DevstackError
from devstack.topics import create
from faultlib import checker, history
from faultlib.checker import Verdict
from faultlib.proxy import Proxy
from faultlib.record import FAULTS
from faultlib.servers import Servers

TEMPLATE: Final = "faults_template"
_OUTAGES: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
_MARK = "SELECT coalesce(max(id), 0) FROM ledger"
_EFFECTS_MISSING = """SELECT count(*) FROM ledger l
    WHERE id <= $1 AND event_id <> ALL ($2::uuid[])
    AND NOT EXISTS (SELECT FROM effects e WHERE e.event_id = l.event_id)"""
_NOT_SENT = "SELECT count(*) FROM outbox"
_REPLICAS_AS_THE_BROKER: Final = -1


@dataclass
class Actor:
    """A process that was started, to be ended by its id alone."""

    name: str
    process: asyncio.subprocess.Process
    told: Mapping[str, Any]
    history_path: Path
    log: Path

    @property
    def lives(self) -> bool:
        return self.process.returncode is None

    @property
    def history(self) -> list[dict[str, Any]]:
        return history.read(self.history_path)

    def did(self, what: str) -> int:
        """How many lines of its history say so."""
        return sum(line["did"] == what for line in self.history)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone; nothing if it is."""
        if self.lives:
            self.process.kill()
        await self.process.wait()

    async def stop(self, seconds: float = 25) -> None:
        """SIGTERM; it must drain and end well in that time."""
        self.signal(signal.SIGTERM)
        code = await self.ended(seconds)
        assert code == 0, f"{self.name} ended with {code}:\n{self.tail()}"

    async def ended(self, seconds: float = 30) -> int:
        """The exit code once it has ended by itself, negative for a signal."""
        return await asyncio.wait_for(self.process.wait(), seconds)

    async def ready(self, seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not self.did("ready"):
                assert self.lives, f"{self.name} ended before it was ready:\n{self.tail()}"
                await asyncio.sleep(0.05)

    async def is_live(self) -> bool:
        return await self._status("/health/live") == HTTPStatus.OK

    async def is_ready(self) -> bool:
        return await self._status("/health/ready") == HTTPStatus.OK

    async def metric(self, sample: str) -> float:
        """The value now, such as of `events_total{outcome="handled"}`: all labels that are named must be so."""
        name, _, labels = sample.rstrip("}").partition("{")
        wanted = {label for label in labels.split(",") if label}
        _, text = await asyncio.to_thread(_get, f"http://127.0.0.1:{self.told['port']}/metrics")
        samples = [line.rpartition(" ") for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(
            float(value)
            for labelled, _, value in samples
            if wanted <= set(labelled.rstrip("}").split("{")[-1].split(","))
        )

    async def _status(self, path: str) -> int:
        return (await asyncio.to_thread(_get, f"http://127.0.0.1:{self.told['port']}{path}"))[0]

    def tail(self, lines: int = 30) -> str:
        """The last lines of what it logged."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@dataclass
class Ground:
    """`database` and `kafka` are the servers' own addresses; `service` and `topic` are this seed's."""

    servers: Servers
    seed: int
    directory: Path
    database: str
    service: str
    topic: str
    actors: list[Actor] = field(default_factory=list)
    proxies: list[Proxy] = field(default_factory=list)
    put_aside: list[str] = field(default_factory=list)  # events that rightly have no effect
    result: dict[str, Any] | None = None

    @property
    def kafka(self) -> str:
        return self.servers.kafka_address

    @property
    def dead_letters(self) -> str:
        return f"{self.service}.dlq"

    async def start(self, kind: str, *, name: str | None = None, failpoints: str = "", **told: Any) -> Actor:
        """Start the actor `kind` and wait until it is ready; `told` are fields of `faultlib.actors.common.Told`.

        `failpoints` as in `chassis.failpoints`, such as `relay.sent:2:SIGKILL`. With some it may end before it is
        ready, so then nothing is waited for.
        """
        name = name or f"{kind}-{sum(actor.name.startswith(kind) for actor in self.actors) + 1}"
        history_path, log = self.directory / f"{name}.history", self.directory / f"{name}.log"
        given = {
            "test": os.getpid(),
            "name": name,
            "history": str(history_path),
            "database": self.database,
            "kafka": self.kafka,
            "service": self.service,
            "topic": self.topic,
            "seed": random.Random(f"{self.seed}/{name}").getrandbits(32),
        } | told
        given["database"] += f"?application_name={name}"  # so that a cell can tell its connections
        path = ":".join(filter(None, (str(FAULTS), os.environ.get("PYTHONPATH"))))
        environment = os.environ | {"PYTHONPATH": path, "RELINK_TEST_FAILPOINTS": failpoints}
        with log.open("ab") as output:
            command = (sys.executable, "-m", f"faultlib.actors.{kind}", json.dumps(given))
            process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=output, stderr=output)
        actor = Actor(name, process, given, history_path, log)
        self.actors.append(actor)
        if not failpoints:
            await actor.ready()
        return actor

    async def database_proxy(self) -> tuple[Proxy, str]:
        """A proxy before PostgreSQL, and the database's address through it."""
        proxy = await Proxy.start(("127.0.0.1", self.servers.postgres.port))
        self.proxies.append(proxy)
        return proxy, with_port(self.database, proxy.port)

    async def kafka_proxy(self) -> tuple[Proxy, str]:
        """A proxy before Kafka, and the bootstrap servers whose clients do everything through it. One at a time."""
        proxy = await Proxy.start(("127.0.0.1", self.servers.proxied_port), self.servers.proxy_port)
        self.proxies.append(proxy)
        return proxy, f"127.0.0.1:{self.servers.proxy_port}"

    async def value(self, query: str, *arguments: Any) -> Any:
        """One value from this seed's database, past every proxy."""
        connection = await asyncpg.connect(self.database, timeout=5)
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()

    async def recovered(self, since: float, seconds: float = 120) -> float:
        """The fault ended at `since` (time.monotonic()): seconds until all that was posted by now has its effect."""
        mark = await self._sooner_or_later(_MARK, seconds=seconds)
        await self.until_none(_EFFECTS_MISSING, mark, self.put_aside, seconds=seconds)
        return time.monotonic() - since

    async def drained(self, seconds: float = 120) -> None:
        """Wait until every entry has its effect and nothing waits in the outbox. The producers have ended before."""
        await self.until_none(_EFFECTS_MISSING, 2**62, self.put_aside, seconds=seconds)
        await self.until_none(_NOT_SENT, seconds=seconds)

    async def until_none(self, counting: str, *arguments: Any, seconds: float) -> None:
        """Wait until the query counts 0; a database that is away has not answered yet."""
        end, left = time.monotonic() + seconds, None
        while left != 0:
            if time.monotonic() > end:
                raise AssertionError(f"not recovered within {seconds:.0f} s: {left} left of {counting}\n{self.tails()}")
            await asyncio.sleep(0.05)
            left = await self._sooner_or_later(counting, *arguments, seconds=seconds)

    async def stop_all(self) -> None:
        """SIGTERM to every actor that lives, producers first; each must end well."""
        for actor in sorted(self.actors, key=lambda actor: not actor.name.startswith("producer")):
            if actor.lives:
                await actor.stop()

    async def verdict(
        self, *, recovery_seconds: float | None, consumed: bool = True, more_histories: Iterable[Path] = ()
    ) -> Verdict:
        """Count what happened, keep it as this seed's result, and fail if anything is wrong. Call it when drained."""
        paths = [*(actor.history_path for actor in self.actors), *more_histories]
        spared = frozenset(self.put_aside)
        verdict = await checker.check(self.database, self.kafka, self.topic, paths, consumed=consumed, spared=spared)
        self.result = {**vars(verdict), "recovery_seconds": recovery_seconds and round(recovery_seconds, 2)}
        assert not verdict.faults, f"{verdict.faults} of {verdict.events} events; see {self.directory}\n{self.tails(5)}"
        assert verdict.events, "nothing was posted: this seed shows nothing"
        return verdict

    def tails(self, lines: int = 8) -> str:
        return "\n".join(
            f"--- {actor.name} ({actor.process.returncode}):\n{actor.tail(lines)}" for actor in self.actors
        )

    async def end(self) -> None:
        """Leave no process and no proxy behind, whatever happened."""
        await asyncio.gather(*(actor.kill() for actor in self.actors), *(proxy.close() for proxy in self.proxies))

    async def _sooner_or_later(self, query: str, *arguments: Any, seconds: float) -> Any:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await self.value(query, *arguments)
                except _OUTAGES:
                    await asyncio.sleep(0.1)


async def lay(servers: Servers, seed: int, directory: Path) -> Ground:
    """A fresh database and fresh topics on servers that run."""
    await servers.all_started()
    name = uuid.uuid4().hex[:12]
    await _execute(servers.postgres_url, f"CREATE DATABASE faults_{name} TEMPLATE {TEMPLATE}")
    database = with_database(servers.postgres_url, f"faults_{name}")
    service = f"ledger-{name}"
    ground = Ground(servers, seed, directory, database, service, f"{service}.entry.events.v1")
    await make_topics(ground.kafka, {ground.topic: 6, ground.dead_letters: 1})
    return ground


async def take_up(ground: Ground) -> None:
    await ground.end()
    await ground.servers.all_started()
    await _execute(ground.servers.postgres_url, f"DROP DATABASE {urlsplit(ground.database).path[1:]} WITH (FORCE)")
    admin = AdminClient({"bootstrap.servers": ground.kafka})
    deleted = admin.delete_topics([ground.topic, ground.dead_letters])
    await asyncio.gather(*(asyncio.to_thread(each.result, 30) for each in deleted.values()))


async def make_template(servers: Servers) -> None:
    await _execute(servers.postgres_url, f"CREATE DATABASE {TEMPLATE}")
    await migrate(with_database(servers.postgres_url, TEMPLATE), "faultlib.ledger")


async def make_topics(kafka: str, partitions: Mapping[str, int], **configs: str) -> None:
    """Make topics, and wait until they can be used. A broker that has just come back takes its time."""
    wanted = [NewTopic(topic, number, _REPLICAS_AS_THE_BROKER, config=configs) for topic, number in partitions.items()]
    admin = AdminClient({"bootstrap.servers": kafka})
    async with asyncio.timeout(30):
        while True:
            try:
                await asyncio.to_thread(create, admin, wanted)
            except DevstackError:
                await asyncio.sleep(0.2)
            else:
                return


async def drop_topic(kafka: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    await asyncio.to_thread(admin.delete_topics([topic])[topic].result, 30)


async def configure_topic(kafka: str, topic: str, **configs: str) -> None:
    """Change these of the topic's settings."""
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in configs.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": kafka})
    altered = admin.incremental_alter_configs([resource])
    await asyncio.gather(*(asyncio.to_thread(each.result, 30) for each in altered.values()))


async def eventually(claim: Callable[[], Awaitable[bool]] | Callable[[], bool], seconds: float = 30) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while True:
            held = claim()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.05)


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, ""


def with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{port}"))


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
