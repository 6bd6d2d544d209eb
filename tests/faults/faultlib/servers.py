"""The private PostgreSQL and Kafka of a run: started once, and again after a cell took one away."""

import asyncio
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devstack.home import Home
from devstack.kafka import Installation, Kafka
from devstack.ports import free_port
from devstack.postgres import Postgres, remove
from devstack.processes import Processes, Program, wait_until


@dataclass
class Server:
    """One of them. Every method waits until it is done; none blocks the event loop."""

    program: Program
    processes: Processes
    is_ready: Callable[[], bool]
    port: int

    @property
    def pid(self) -> int:
        running = self.processes.running(self.program.name)
        assert running is not None, f"{self.program.name} does not run"
        return running.pid

    @property
    def lives(self) -> bool:
        return self.processes.running(self.program.name) is not None

    async def start(self) -> None:
        await asyncio.to_thread(self.start_now)

    async def stop(self, how: signal.Signals | None = None) -> None:
        """By its own stop signal, or another: SIGQUIT is PostgreSQL's `immediate`, after which it must recover."""
        await asyncio.to_thread(self.processes.stop, self.program.name, how or self.program.stop_signal)

    async def kill(self) -> None:
        """SIGKILL, to all its processes."""
        await asyncio.to_thread(self.processes.kill, self.program.name)

    def start_now(self) -> None:
        self.processes.start(self.program)
        wait_until(self.is_ready, self.program.name)

    def stop_now(self) -> None:
        self.processes.stop(self.program.name, self.program.stop_signal)


@dataclass
class Servers:
    """Both, with their addresses. Clients of `kafka_by_proxy` are told to come to `proxy_port` for everything."""

    postgres: Server
    kafka: Server
    postgres_url: str
    kafka_address: str
    proxied_port: int
    proxy_port: int

    async def all_started(self) -> None:
        """What a cell before took away, or a seed that failed."""
        for server in (self.postgres, self.kafka):
            if not server.lives:
                await server.start()


def start_postgres(home: Home, prepare: Callable[[Path], None] = lambda _data: None) -> tuple[Server, str]:
    """A cluster of its own, and its superuser's address; `prepare` gets its data directory before the first start."""
    cluster = Postgres(home.postgres, free_port(), secrets.token_urlsafe(24))
    cluster.create()
    prepare(home.postgres.resolve() / "data")
    server = Server(cluster.program(), Processes(home), cluster.is_ready, cluster.port)
    server.start_now()
    return server, cluster.url()


def start(directory: Path) -> Servers:
    home = Home(directory)
    processes = Processes(home)
    postgres, postgres_url = start_postgres(home)

    installation = Installation()
    installation.ensure()
    ports: list[int] = [postgres.port]
    for _ in range(4):
        ports.append(free_port(ports))
    _, port, controller, proxied, proxy = ports
    broker = Kafka(installation, home.broker, port, controller)
    broker.create()
    _listen_behind_a_proxy(broker.directory / "server.properties", proxied, proxy)
    kafka = Server(broker.program(), processes, broker.is_ready, port)
    kafka.start_now()
    return Servers(postgres, kafka, postgres_url, broker.address, proxied, proxy)


def stop(servers: Servers, directory: Path) -> None:
    for server in (servers.kafka, servers.postgres):
        if server.lives:
            server.stop_now()
    remove(Home(directory).postgres)


def _listen_behind_a_proxy(properties: Path, proxied: int, proxy: int) -> None:
    """A second listener, which tells its clients the proxy's address: or they would leave for the broker's own."""
    settings = dict(line.split("=", 1) for line in properties.read_text().splitlines())
    settings["listeners"] += f",PROXIED://127.0.0.1:{proxied}"
    settings["advertised.listeners"] += f",PROXIED://127.0.0.1:{proxy}"
    settings["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT"
    settings["inter.broker.listener.name"] = "PLAINTEXT"
    # A busy machine takes longer than devstack's second to send a heartbeat.
    settings |= {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
