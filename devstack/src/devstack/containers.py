"""The same system in containers: what each of them is told, and what must be there before the services start.

Compose and the local overlay for Kubernetes use the official images of Kafka and PostgreSQL. Their secrets are made by
chance for each checkout: `python -m devstack environments compose` or `… kubernetes` writes a file per container.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from devstack.environments import PROCESSES, SERVICES, Environments, Places, package_of
from devstack.home import CHECKOUT, write_whole
from devstack.postgres import ensure_database
from devstack.secrets import Secrets
from devstack.topics import create_topics, say_memberships
from relink_contracts.topics import load

PORT: Final = 8080
SIMULATOR_PORT: Final = 8090
SUPERUSER: Final = "postgres"


@dataclass(frozen=True)
class Target:
    """Where the containers run, and what their names look like there. `{}` stands for a service."""

    services: Path
    infrastructure: Path
    service_address: str


LOCAL_OVERLAY: Final = CHECKOUT / "deploy" / "k8s" / "overlays" / "local"
TARGETS: Final = {
    "compose": Target(
        services=CHECKOUT / ".devstack" / "compose",
        infrastructure=CHECKOUT / ".devstack" / "compose",
        service_address=f"http://{{}}-api:{PORT}",
    ),
    "kubernetes": Target(
        services=LOCAL_OVERLAY / "environments",
        infrastructure=LOCAL_OVERLAY / "infrastructure" / "environments",
        service_address=f"http://{{}}:{PORT}",
    ),
}


def write_environments(name: str) -> None:
    """Write one file of variables per container, readable by its owner only. Secrets once made are kept."""
    target = TARGETS[name]
    for folder in (target.services, target.infrastructure):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = Secrets(target.infrastructure / "secrets.json")
    environments = Environments(_places(target), secrets, None, "/data/state.sqlite")
    for service in SERVICES:
        _write(target.services / f"{service}.env", environments.of(f"{service}.api"))
    _write(target.infrastructure / "simulator.env", environments.of("simulator"))
    superuser_password = secrets.text("postgres superuser password")
    _write(target.infrastructure / "postgres.env", {"POSTGRES_PASSWORD": superuser_password})
    passwords = {package_of(service): secrets.text(f"{service} database password") for service in SERVICES}
    preparation = {
        "PREPARE_POSTGRES_URL": f"postgresql://{SUPERUSER}:{superuser_password}@postgres:5432/postgres",
        "PREPARE_KAFKA": "kafka:9092",
        "PREPARE_DATABASES": json.dumps(passwords, separators=(",", ":")),
    }
    _write(target.infrastructure / "prepare.env", preparation)


async def prepare(superuser_url: str, bootstrap_servers: str, passwords: Mapping[str, str]) -> None:
    """Make the databases, the topics and the demo business's memberships that are missing."""
    for name, password in passwords.items():
        await ensure_database(superuser_url, name, password)
    create_topics(bootstrap_servers, load())
    say_memberships(bootstrap_servers, now=datetime.now(UTC))


def _places(target: Target) -> Places:
    ports = dict.fromkeys(PROCESSES, PORT)
    return Places(
        listen_host="0.0.0.0",  # noqa: S104 - a container's own network
        ports={**ports, "simulator": SIMULATOR_PORT},
        postgres="postgres:5432",
        kafka="kafka:9092",
        mail="mail:1025",
        services={service: target.service_address.format(service) for service in SERVICES},
        simulator=f"http://simulator:{SIMULATOR_PORT}",
        # A browser's way in: published ports of Compose, or `kubectl port-forward`.
        public_web="http://localhost:8080",
        public_connection="http://localhost:8081",
        public_simulator=f"http://localhost:{SIMULATOR_PORT}",
    )


def _write(file: Path, environment: Mapping[str, str]) -> None:
    write_whole(file, "".join(f"{name}={value}\n" for name, value in environment.items()), mode=0o600)


def main() -> None:
    """What the one-shot container `prepare` runs: `python -m devstack.containers`."""
    argparse.ArgumentParser(description=prepare.__doc__).parse_args()
    passwords = json.loads(os.environ["PREPARE_DATABASES"])
    asyncio.run(prepare(os.environ["PREPARE_POSTGRES_URL"], os.environ["PREPARE_KAFKA"], passwords))


if __name__ == "__main__":
    main()
