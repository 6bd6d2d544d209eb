"""Pytest plugin: a real PostgreSQL and a real Kafka for tests, whatever the machine has.

Each comes from an address in the environment (RELINK_TEST_POSTGRES_URL, RELINK_TEST_KAFKA), else from Testcontainers
where a Docker engine can run its image, else from a private one started for this run. Where none can be had the test
fails and says why; it is never skipped.
"""

import asyncio
import os
import secrets
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import docker.errors
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic as TopicSpecification
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer

from chassis.migrations import migrate
from devstack.home import DevstackError, Home
from devstack.kafka import Installation, Kafka, answers
from devstack.ports import free_port
from devstack.postgres import Postgres, remove
from devstack.processes import Processes, wait_until
from devstack.topics import create

POSTGRES_IMAGE = "postgres:18"
KAFKA_IMAGE = "apache/kafka:4.3.0"

NewDatabase = Callable[[str | None], Awaitable[str]]


class NewTopic(Protocol):
    """Makes a topic of a unique name that begins with `name`, and answers the whole name."""

    async def __call__(
        self, name: str = "test", *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> str: ...


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a cluster, as superuser. Make databases of your own in it (`new_database`)."""
    with _resource("RELINK_TEST_POSTGRES_URL", _postgres_container, _private_postgres) as address:
        yield address


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap servers of a broker that makes no topic by itself. Make your own (`new_topic`)."""
    with _resource("RELINK_TEST_KAFKA", _kafka_container, _private_kafka) as address:
        yield address


@pytest.fixture(scope="session")
def database_templates(postgres_url: str) -> Iterator["DatabaseTemplates"]:
    """The migrated databases that `new_database` copies."""
    templates = DatabaseTemplates(postgres_url)
    yield templates
    asyncio.run(templates.drop())


@pytest.fixture
async def new_database(postgres_url: str, database_templates: "DatabaseTemplates") -> AsyncIterator[NewDatabase]:
    """Makes fresh databases, dropped after the test: with a service package's migrations, or empty for None."""
    made: list[str] = []

    async def make(service_package: str | None) -> str:
        template = await database_templates.of(service_package)
        name = f"test_{uuid.uuid4().hex}"
        await _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return _with_database(postgres_url, name)

    yield make
    for name in made:
        await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def new_topic(kafka: str) -> AsyncIterator[NewTopic]:
    """Makes topics of unique names, deleted after the test."""
    admin = AdminClient({"bootstrap.servers": kafka})
    made: list[str] = []

    async def make(name: str = "test", *, partitions: int = 1, configs: Mapping[str, str] | None = None) -> str:
        topic = f"{name}.{uuid.uuid4().hex}"
        specification = TopicSpecification(topic, partitions, 1, config=dict(configs or {}))
        await asyncio.to_thread(create, admin, [specification])
        made.append(topic)
        return topic

    yield make
    if made:
        for deleted in admin.delete_topics(made).values():
            await asyncio.to_thread(deleted.result, 30)


@dataclass
class DatabaseTemplates:
    """One migrated database per service package, made when it is first asked for and copied from then on."""

    postgres_url: str
    _names: dict[str, str] = field(default_factory=dict)

    async def of(self, service_package: str | None) -> str:
        if service_package is None:
            return "template1"
        if service_package not in self._names:
            name = f"template_{service_package}_{uuid.uuid4().hex[:12]}"
            await _execute(self.postgres_url, f"CREATE DATABASE {name}")
            self._names[service_package] = name
            await migrate(_with_database(self.postgres_url, name), service_package)
        return self._names[service_package]

    async def drop(self) -> None:
        for name in self._names.values():
            await _execute(self.postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _resource(
    variable: str, from_container: Callable[[ExitStack], str], private: Callable[[ExitStack], str]
) -> Iterator[str]:
    with ExitStack() as cleanup:
        try:
            address = os.environ.get(variable) or _contained_or_private(cleanup, from_container, private)
        except DevstackError as error:
            pytest.fail(f"this test needs a real one, by {variable}, Docker or devstack: {error}", pytrace=False)
        yield address


def _contained_or_private(
    cleanup: ExitStack, from_container: Callable[[ExitStack], str], private: Callable[[ExitStack], str]
) -> str:
    """No engine, and an engine that can fetch no image, are the same to a test: there is no container."""
    try:
        return from_container(cleanup)
    except docker.errors.DockerException:
        return private(cleanup)


def _postgres_container(cleanup: ExitStack) -> str:
    container = PostgresContainer(POSTGRES_IMAGE, driver=None).with_command("postgres -c max_connections=300")
    url: str = cleanup.enter_context(container).get_connection_url()
    return url


def _kafka_container(cleanup: ExitStack) -> str:
    """Start Kafka on a port chosen before: a broker tells its clients its own address, so it must know it."""
    port = free_port()
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
    host: str = container.get_docker_client().host()
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://{host}:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
    }
    for name, value in settings.items():
        container.with_env(f"KAFKA_{name}", value)
    cleanup.enter_context(container)
    wait_until(lambda: answers(port, host), f"the container of {KAFKA_IMAGE}")
    return f"{host}:{port}"


def _private_postgres(cleanup: ExitStack) -> str:
    home = _private_home(cleanup)
    postgres = Postgres(home.postgres, free_port(), secrets.token_urlsafe(24))
    cleanup.callback(remove, home.postgres)
    postgres.create()
    processes = Processes(home)
    processes.start(postgres.program())
    cleanup.callback(processes.stop, "postgres", postgres.program().stop_signal)
    wait_until(postgres.is_ready, "PostgreSQL")
    return postgres.url()


def _private_kafka(cleanup: ExitStack) -> str:
    installation = Installation()
    installation.ensure()
    home = _private_home(cleanup)
    port = free_port()
    broker = Kafka(installation, home.broker, port, free_port([port]))
    broker.create()
    processes = Processes(home)
    processes.start(broker.program())
    cleanup.callback(processes.stop, "kafka")
    wait_until(broker.is_ready, "Kafka")
    return broker.address


def _private_home(cleanup: ExitStack) -> Home:
    return Home(Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="relink-tests-"))))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
