"""The whole system on this machine: Kafka, PostgreSQL, a mail catcher, the simulator and every service's processes."""

import asyncio
import http.client
import json
import shutil
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from chassis.migrations import MigrationRefused, migrate
from devstack.clock import StackClock
from devstack.environments import PROCESSES, SERVICES, Environments, Places, package_of
from devstack.home import DevstackError, Home, alone, home_of_checkout, read_json, write_whole
from devstack.kafka import Installation, Kafka
from devstack.ports import choose, is_free
from devstack.postgres import Postgres, ensure_database, remove
from devstack.processes import READY_SECONDS, Processes, Program, tail
from devstack.secrets import Secrets
from devstack.topics import create_topics, say_memberships
from relink_contracts.topics import load

INFRASTRUCTURE: Final = ("postgres", "kafka", "mail", "simulator")
EVERY_PROCESS: Final = (*INFRASTRUCTURE, *PROCESSES)

Tell = Callable[[str], None]


@dataclass
class Stack:
    """The local stack of one checkout. Every method blocks; what is told are sentences for a person."""

    home: Home = field(default_factory=home_of_checkout)

    def __post_init__(self) -> None:
        self.processes = Processes(self.home)
        self.clock = StackClock(self.home.clock_offset)
        self.secrets = Secrets(self.home.secrets)

    @property
    def addresses(self) -> dict[str, str]:
        """Where each part is reached: base URLs of web, the services and the simulator; host and port of the others."""
        ports = self._ports()
        urls = {name: f"http://127.0.0.1:{ports[f'{name}.api']}" for name in SERVICES}
        others = {name: f"127.0.0.1:{ports[name]}" for name in ("kafka", "postgres", "mail")}
        return {**urls, "simulator": f"http://127.0.0.1:{ports['simulator']}", **others}

    def up(self, tell: Tell) -> None:
        """Start what does not run yet and return when all of it is ready. Installs Kafka the first time."""
        with alone(self.home.lock):
            Installation().ensure()
            self._forget_the_dead(tell)
            self._refuse_taken_ports()
            self._write_addresses()
            with ThreadPoolExecutor() as pool:
                infrastructure = [pool.submit(start) for start in (self._up_postgres, self._up_kafka)]
                for name in ("mail", "simulator"):
                    self.begin(name)
                for started in infrastructure:
                    started.result()
            for name in PROCESSES:
                self.begin(name)
            self.wait_until_ready(EVERY_PROCESS)

    def down(self, tell: Tell) -> None:
        """Stop every process. Data, ports and secrets stay for the next `up`."""
        with alone(self.home.lock):
            self._forget_the_dead(tell)
            running = self.processes.names()
            outer = [name for name in running if name not in ("kafka", "postgres")]
            for group in (outer, [name for name in running if name not in outer]):
                with ThreadPoolExecutor(max_workers=max(1, len(group))) as pool:
                    list(pool.map(self._stop, group))

    def reset(self, tell: Tell) -> None:
        """Stop everything and forget all data, mail, logs, ports and secrets; Kafka's jars stay."""
        self.down(tell)
        with alone(self.home.lock):
            remove(self.home.postgres)
            for folder in (self.home.broker, self.home.logs, self.home.mail, self.home.simulator):
                shutil.rmtree(folder, ignore_errors=True)
            for file in (self.home.ports, self.home.secrets, self.home.addresses, self.home.clock_offset):
                file.unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """End a process by SIGKILL, as a crash would."""
        self.processes.kill(name)

    def start(self, name: str) -> None:
        """Start one process, unless it runs, and return when it is ready."""
        self.begin(name)
        self.wait_until_ready((name,))

    def begin(self, name: str) -> None:
        """Start one process, unless it runs, and do not wait for it."""
        if name == "postgres":
            self._postgres().create()
        elif name == "kafka":
            self._kafka().create()
        self.processes.start(self.program(name))

    def restart(self, name: str) -> None:
        """Stop the process if it runs, start it, and return when it is ready."""
        self._stop(name)
        self.start(name)

    def wait_until_ready(self, names: tuple[str, ...]) -> None:
        """Return when all of them are. Raises DevstackError for one that ended, or took longer than 60 s."""
        end = time.monotonic() + READY_SECONDS
        waiting = list(names)
        while waiting:
            waiting = [name for name in waiting if not self._is_ready(name)]
            for name in waiting:
                self._require_running(name)
            if waiting and time.monotonic() > end:
                late = ", ".join(waiting)
                raise DevstackError(f"not ready in {READY_SECONDS:.0f} s: {late}; see `make logs NAME={waiting[0]}`")
            time.sleep(0.1)

    def state_of(self, name: str) -> str:
        """One of: ready, not ready, ended, stopped. Ended means that nobody stopped it."""
        if self.processes.running(name) is None:
            return "ended" if name in self.processes.stale() else "stopped"
        return "ready" if self._is_ready(name) else "not ready"

    def program(self, name: str) -> Program:
        """How a process of the stack is started: its command and what it is told."""
        if name == "postgres":
            return self._postgres().program()
        if name == "kafka":
            return self._kafka().program()
        if name == "mail":
            return self._mail_catcher()
        return self._environments().program(name, self.home.directory)

    def database_url(self, service: str) -> str:
        """Where a service's database is, as its owner. Only evidence reads it: services ask each other."""
        return self._environments().database_url(service)

    def log_of(self, name: str) -> str:
        return str(self.home.logs / f"{name}.log")

    def _up_postgres(self) -> None:
        self.start("postgres")
        asyncio.run(self._prepare_databases())

    async def _prepare_databases(self) -> None:
        await asyncio.gather(*(self._prepare_database(service) for service in SERVICES))

    async def _prepare_database(self, service: str) -> None:
        package = package_of(service)
        await ensure_database(self._postgres().url(), package, self.secrets.text(f"{service} database password"))
        try:
            await migrate(self.database_url(service), package)
        except MigrationRefused as refused:
            how = "to begin with empty databases: python -m devstack reset"
            raise DevstackError(f"the database of {service} cannot be migrated: {refused}; {how}") from refused

    def _up_kafka(self) -> None:
        self.start("kafka")
        create_topics(self.addresses["kafka"], load())
        say_memberships(self.addresses["kafka"], now=self.clock.now())

    def _stop(self, name: str) -> None:
        self.processes.stop(name, self.program(name).stop_signal)

    def _mail_catcher(self) -> Program:
        options = ("--host", "127.0.0.1", "--port", str(self._ports()["mail"]), "--directory", str(self.home.mail))
        return Program("mail", (sys.executable, "-m", "devstack.mailcatcher", *options), {}, self.home.directory)

    def _postgres(self) -> Postgres:
        return Postgres(self.home.postgres, self._ports()["postgres"], self.secrets.text("postgres superuser password"))

    def _kafka(self) -> Kafka:
        ports = self._ports()
        return Kafka(Installation(), self.home.broker, ports["kafka"], ports["kafka controller"])

    def _environments(self) -> Environments:
        addresses = self.addresses
        places = Places(
            listen_host="127.0.0.1",
            ports=self._ports(),
            postgres=addresses["postgres"],
            kafka=addresses["kafka"],
            mail=addresses["mail"],
            services={service: addresses[service] for service in SERVICES},
            simulator=addresses["simulator"],
            public_web=addresses["web-svc"],
            public_connection=addresses["connection-svc"],
            public_simulator=addresses["simulator"],
        )
        state_file = self.home.simulator / "state.sqlite"
        return Environments(places, self.secrets, str(self.home.clock_offset), str(state_file))

    def _ports(self) -> dict[str, int]:
        return choose(self.home.ports, (*EVERY_PROCESS, "kafka controller"))

    def _refuse_taken_ports(self) -> None:
        for name, port in self._ports().items():
            owner = name.removesuffix(" controller")
            if self.processes.running(owner) is None and not is_free(port):
                raise DevstackError(
                    f"port {port}, kept for {name}, is taken by another process: end that one, "
                    f"or delete {self.home.ports} to have other ports chosen"
                )

    def _forget_the_dead(self, tell: Tell) -> None:
        stale = self.processes.stale()
        for name in stale:
            tell(f"{name} had ended without being stopped; its last words are in {self.log_of(name)}")
        self.processes.forget(stale)

    def _write_addresses(self) -> None:
        content = {**read_json(self.home.addresses), "addresses": self.addresses}
        write_whole(self.home.addresses, json.dumps(content, indent=2) + "\n")

    def _require_running(self, name: str) -> None:
        if self.processes.running(name) is None:
            log = self.home.logs / f"{name}.log"
            raise DevstackError(f"{name} ended while it was starting; {log} ends with:\n{tail(log, lines=15)}")

    def _is_ready(self, name: str) -> bool:
        port = self._ports()[name]
        if name == "kafka":
            return self._kafka().is_ready()
        if name == "postgres":
            return self._postgres().is_ready()
        if name == "mail":
            return _accepts(port)
        path = "/oidc/.well-known/openid-configuration" if name == "simulator" else "/health/ready"
        return _answers_ok(port, path)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def _answers_ok(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
