"""connection-svc's API as devstack starts it, with living connections in its database."""

import json
import tempfile
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.ground import Ground
from bench.services import running, services_on
from chassis.database import Database
from chassis.service_tokens import ServiceSigner
from connection_svc.domain.connection import Connection, Lifecycle, Organisation
from connection_svc.domain.grant import Tokens
from connection_svc.store import connections, grants
from connection_svc.store.sealing import Vault
from devstack.environments import Environments
from devstack.home import CHECKOUT
from relink_contracts.ids import new_id

BUSINESS: Final = "biz_bench"
_API: Final = "connection-svc.api"


@dataclass(frozen=True)
class Connections:
    """A running API and its database."""

    url: str
    database_url: str
    vault: Vault
    environments: Environments

    def key_of(self, service: str) -> str:
        """The private key that a service signs its tokens with."""
        return self.environments.of(f"{service}.worker")["RELINK_IDENTITY__SERVICE_KEY"]

    def signer_of(self, service: str) -> ServiceSigner:
        return ServiceSigner(service, self.key_of(service))

    async def connect(self) -> str:
        """A living connection to an organisation of its own at Xero; its token needs no refresh for a day."""
        now, day = datetime.now(UTC), timedelta(days=1)
        pending = Connection(new_id("con"), BUSINESS, "xero", created_at=now)
        organisation = Organisation(new_id("org"), "One of many")
        active = replace(
            pending,
            lifecycle=Lifecycle.ACTIVE,
            generation=1,
            organisation=organisation,
            connected_at=now,
            consent_expires_at=now + 365 * day,
            revision=1,
        )
        tokens = Tokens("access", "refresh", now + day, now + 60 * day, (), None, now, now + 45 * day)
        database = await Database.connect(self.database_url)
        async with database.transaction() as tx:
            await connections.add(tx, pending, by="usr_bench")
            await connections.save(tx, active)
            await grants.put(tx, self.vault, active, tokens)
        await database.close()
        return active.id


@asynccontextmanager
async def connection_svc(ground: Ground, **settings: str) -> AsyncIterator[Connections]:
    """One process of the API, with these RELINK_ variables in addition to devstack's own."""
    with tempfile.TemporaryDirectory() as folder:
        environments = await services_on(ground, Path(folder))
        program = environments.program(_API, CHECKOUT)
        program = replace(program, environment={**program.environment, **settings})
        async with running(program, environments.places.ports[_API]):
            ring = {
                name: b64decode(key) for name, key in json.loads(program.environment["RELINK_KEY_RING__KEYS"]).items()
            }
            yield Connections(
                environments.places.services["connection-svc"],
                environments.database_url("connection-svc"),
                Vault(ring, current=program.environment["RELINK_KEY_RING__CURRENT"]),
                environments,
            )
