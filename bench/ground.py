"""What a benchmark stands on: a PostgreSQL, a real Kafka and processes, all of this run alone."""

import asyncio
import os
import platform
import re
import secrets
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from chassis.migrations import migrate
from devstack.home import CHECKOUT, Home
from devstack.kafka import Installation, Kafka, client
from devstack.ports import free_port
from devstack.postgres import Postgres, remove
from devstack.processes import Processes, wait_until
from devstack.topics import create

PACKAGES: Final = ("faststream", "aiokafka", "asyncpg")


class Ground:
    """Databases, topics and processes. Use as a context manager; everything is gone afterwards."""

    def __init__(self) -> None:
        self._cleanup = ExitStack()
        self._templates: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            home = Home(Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="relink-bench-"))))
            installation = Installation()
            installation.ensure()
            ports = [free_port()]
            ports += [free_port(ports)]
            ports += [free_port(ports)]
            self._processes = Processes(home)
            self._postgres = Postgres(home.postgres, ports[0], secrets.token_urlsafe(24))
            cleanup.callback(remove, home.postgres)
            self._postgres.create()
            self._start_postgres({})
            cleanup.callback(self._stop_postgres)
            broker = Kafka(installation, home.broker, *ports[1:])
            broker.create()
            self._processes.start(broker.program())
            cleanup.callback(self._processes.stop, "kafka")
            wait_until(broker.is_ready, "Kafka")
            self.kafka = broker.address
            """Bootstrap servers."""
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def superuser_url(self) -> str:
        return self._postgres.url()

    async def database(self, package: str | None = "bench") -> str:
        """The address of a fresh database with the chassis' and the package's tables (`migrations/`); None: empty.

        The package `bench` adds a table of business rows, `things`.
        """
        template = "template1"
        if package is not None:
            if package not in self._templates:
                self._templates[package] = await self._new_database("template1")
                await migrate(_with_database(self.superuser_url, self._templates[package]), package)
            template = self._templates[package]
        return _with_database(self.superuser_url, await self._new_database(template))

    async def copy(self, database_url: str) -> str:
        """The address of a fresh copy of a database that nobody is connected to."""
        name = urlsplit(database_url).path.removeprefix("/")
        return _with_database(self.superuser_url, await self._new_database(name))

    async def topic(self, name: str = "bench", partitions: int = 6, **config: str) -> str:
        """The whole name of a fresh topic that begins with `name`. Dots in a setting's name are written as `_`."""
        topic = f"{name}.{uuid.uuid4().hex}"
        settings = {name.replace("_", "."): value for name, value in config.items()}
        wanted = NewTopic(topic, partitions, 1, config=settings)
        await asyncio.to_thread(create, AdminClient(client(self.kafka)), [wanted])
        return topic

    @asynccontextmanager
    async def process(self, module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """`python -m module arguments…`, once it has said its first line; SIGTERM at the end of the block.

        It is told what to do, and says what it did, in lines: `stdin` and `stdout` are pipes.
        """
        command, pipe = (sys.executable, "-m", module, *arguments), asyncio.subprocess.PIPE
        started = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, stdin=pipe, stdout=pipe)
        try:
            await said(started)
            yield started
        finally:
            if started.returncode is None:
                started.terminate()
            await asyncio.wait_for(started.wait(), 30)

    async def restart_postgres(self, **settings: str) -> None:
        """With these settings in addition to devstack's own."""
        await asyncio.to_thread(self._stop_postgres)
        await asyncio.to_thread(self._start_postgres, settings)

    async def versions(self) -> dict[str, str]:
        async with connected(self.superuser_url) as connection:
            postgres = str(await connection.fetchval("SHOW server_version")).split()[0]
        jar = re.search(r"/kafka_[\d.]+-([\d.]+)\.jar", Installation().class_path)
        assert jar is not None
        ours = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
        return {**ours, "postgresql": postgres, "kafka": jar[1]}

    def machine(self) -> dict[str, str | int | float]:
        memory = round(psutil.virtual_memory().total / 2**30)
        return {"cores": os.cpu_count() or 0, "memory_gib": memory, "fsync_microseconds": self._fsync_microseconds()}

    def _fsync_microseconds(self) -> int:
        """The median of 200 waits for 8 KiB to be on the disk that PostgreSQL writes to."""
        seconds = []
        with tempfile.TemporaryFile(dir=self._postgres.directory.resolve()) as file:
            for _ in range(200):
                os.pwrite(file.fileno(), os.urandom(8192), 0)
                begun = time.perf_counter()
                os.fdatasync(file.fileno())
                seconds.append(time.perf_counter() - begun)
        return round(median(seconds) * 1e6)

    async def _new_database(self, template: str) -> str:
        name = f"bench_{uuid.uuid4().hex}"
        async with connected(self.superuser_url) as connection:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _start_postgres(self, settings: dict[str, str]) -> None:
        program = self._postgres.program()
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._processes.start(replace(program, command=(*program.command, *flags)))
        wait_until(self._postgres.is_ready, "PostgreSQL")

    def _stop_postgres(self) -> None:
        self._processes.stop("postgres", self._postgres.program().stop_signal)


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for the block."""
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def said(process: asyncio.subprocess.Process, seconds: float = 60) -> str:
    """The process' next line. Raises EOFError when it ended instead, TimeoutError when it says nothing for so long."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), seconds)
    if not line:
        raise EOFError(f"process {process.pid} ended with {await process.wait()}")
    return line.decode().strip()


def tell(process: asyncio.subprocess.Process, line: str) -> None:
    """Write it a line."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
