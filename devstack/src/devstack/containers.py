"""The same system in containers: what each of them is told, and what must be there before the services start.

Compose and the local overlay for Kubernetes use the official images of Kafka and PostgreSQL. Their secrets are made by
chance for each checkout: `python -m devstack environments compose` or `... kubernetes` writes a file per container.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from relink_contracts.topics import load

from devstack.environments import PROCESSES, SERVICES, Environments, Places, package_of
from devstack.home import CHECKOUT, write_whole
from devstack.postgres import ensure_database
from devstack.secrets import Secrets
from devstack.topics import create_topics, say_memberships

PORT: Final = 8080
SIMULATOR_PORT: Final = 8090
SUPERUSER: Final = "postgres"
FOLDERS: Final = {
    "compose": CHECKOUT / ".devstack" / "compose",
    "kubernetes": CHECKOUT / "deploy" / "k8s" / "overlays" / "local" / "environments",
}
# A browser finds names below `localhost` on its own machine and a container finds this one by its network's DNS:
# so the sign-in's issuer has the same address for both.
SIMULATOR: Final = {
    "compose": f"http://simulator.localhost:{SIMULATOR_PORT}",
    "kubernetes": f"http://simulator:{SIMULATOR_PORT}",
}


def write_environments(target: str) -> Path:
    """Write one file of variables per container, readable by its owner only, and answer their folder."""
    folder = FOLDERS[target]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = Secrets(folder / "secrets.json")
    environments = Environments(_places(target), secrets, None, "/data/state.sqlite")
    for service in SERVICES:
        _write(folder / f"{service}.env", environments.of(f"{service}.api"))
    _write(folder / "simulator.env", environments.of("simulator"))
    superuser_password = secrets.text("postgres superuser password")
    _write(folder / "postgres.env", {"POSTGRES_PASSWORD": superuser_password})
    passwords = {package_of(service): secrets.text(f"{service} database password") for service in SERVICES}
    _write(
        folder / "prepare.env",
        {
            "PREPARE_POSTGRES_URL": f"postgresql://{SUPERUSER}:{superuser_password}@postgres:5432/postgres",
            "PREPARE_KAFKA": "kafka:9092",
            "PREPARE_DATABASES": json.dumps(passwords),
        },
    )
    return folder


async def prepare(superuser_url: str, bootstrap_servers: str, passwords: Mapping[str, str]) -> None:
    """Make the databases, the topics and the demo business's memberships that are missing."""
    for name, password in passwords.items():
        await ensure_database(superuser_url, name, password)
    create_topics(bootstrap_servers, load())
    say_memberships(bootstrap_servers, now=datetime.now(UTC))


def _places(target: str) -> Places:
    ports = dict.fromkeys(PROCESSES, PORT)
    return Places(
        listen_host="0.0.0.0",  # noqa: S104 - a container's own network
        ports={**ports, "simulator": SIMULATOR_PORT},
        postgres="postgres:5432",
        kafka="kafka:9092",
        mail="mail:1025",
        services={service: f"http://{service}-api:{PORT}" for service in SERVICES},
        simulator=f"http://simulator:{SIMULATOR_PORT}",
        public_web="http://localhost:8080",
        public_connection="http://localhost:8081",
        public_simulator=SIMULATOR[target],
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
