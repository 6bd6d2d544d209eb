"""The six services on a ground, to be started as devstack starts them."""

import asyncio
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2

from bench.ground import Ground
from chassis.migrations import migrate
from devstack.environments import PROCESSES, SERVICES, Environments, Places, package_of
from devstack.ports import free_port
from devstack.postgres import ensure_database
from devstack.processes import Program
from devstack.secrets import Secrets
from devstack.topics import create_topics
from relink_contracts.topics import load

READY_SECONDS: Final = 60.0


async def services_on(ground: Ground, folder: Path) -> Environments:
    """Make what they need: databases, topics, addresses and secrets. Nothing is started."""
    ports: dict[str, int] = {}
    for name in (*PROCESSES, "simulator", "mail"):  # the last two are not there, nor needed
        ports[name] = free_port(ports.values())
    urls = {name: f"http://127.0.0.1:{ports[name]}" for name in (*(f"{each}.api" for each in SERVICES), "simulator")}
    services = {service: urls[f"{service}.api"] for service in SERVICES}
    places = Places(
        listen_host="127.0.0.1",
        ports=ports,
        postgres=urlsplit(ground.superuser_url).netloc.rpartition("@")[2],
        kafka=ground.kafka,
        mail=f"127.0.0.1:{ports['mail']}",
        services=services,
        simulator=urls["simulator"],
        public_web=services["web-svc"],
        public_connection=services["connection-svc"],
        public_simulator=urls["simulator"],
    )
    secrets = Secrets(folder / "secrets.json")
    environments = Environments(places, secrets, clock_offset_file=None, state_file="")
    for service in SERVICES:
        package, password = package_of(service), secrets.text(f"{service} database password")
        await ensure_database(ground.superuser_url, package, password)
        await migrate(environments.database_url(service), package)
    await asyncio.to_thread(create_topics, ground.kafka, load())
    return environments


@asynccontextmanager
async def running(program: Program, port: int) -> AsyncIterator[Process]:
    """The process, from when it is ready; SIGTERM at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *program.command, env=program.environment, cwd=program.directory, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(READY_SECONDS), httpx2.AsyncClient(trust_env=False) as http:
            while not await _is_ready(http, port):
                assert process.returncode is None, f"{program.name} ended with {process.returncode}"
                await asyncio.sleep(0.005)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def _is_ready(http: httpx2.AsyncClient, port: int) -> bool:
    try:
        return (await http.get(f"http://127.0.0.1:{port}/health/ready")).status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False
