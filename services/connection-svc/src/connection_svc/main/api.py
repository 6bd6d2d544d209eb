"""`api`: serves the HTTP API until SIGTERM."""

from typing import Final

import httpx2
from fastapi import FastAPI

import providers
from chassis.database import Database
from chassis.http import create_app
from chassis.run import serve
from connection_svc.api import (
    access_tokens,
    attempts,
    connection_settings,
    connections,
    disconnect,
    oauth,
    reconnect_links,
    repairs,
)
from connection_svc.api.confirm import Confirmations
from connection_svc.api.parts import Addresses, Parts
from connection_svc.main import SERVICE, VERSION, database_of, http_client, vault_of
from connection_svc.settings import Settings
from connection_svc.work.give_back import AccessReturner
from connection_svc.work.lease_permits import CallBudgets
from connection_svc.work.token_keeper import TokenKeeper

ROUTERS: Final = (
    connections,
    connection_settings,
    attempts,
    disconnect,
    repairs,
    access_tokens,
    reconnect_links,
    oauth,
)


async def run(settings: Settings) -> None:
    async with database_of(settings) as database, http_client() as http:
        app = build_app(settings, database, http)
        await serve(http=(app, settings.http.host, settings.http.port))


def build_app(settings: Settings, database: Database, http: httpx2.AsyncClient) -> FastAPI:
    """The HTTP API on this database; providers are called through `http`."""
    now, vault, gate = settings.process.clock(), vault_of(settings), settings.identity.gate(SERVICE)
    known = providers.build(settings.providers, http)
    parts = Parts(
        database=database,
        gate=gate,
        clock=now,
        vault=vault,
        providers=known,
        tokens=TokenKeeper(database, vault, known, now),
        budgets=CallBudgets(database, known, limits_factor=settings.limits_factor),
        access_returner=AccessReturner(database, vault, known, now),
        confirmations=Confirmations(vault, settings.consent, known),
        addresses=Addresses(settings.http.public_url.rstrip("/"), settings.web_url.rstrip("/")),
        issuers=settings.issuers,
        paused=settings.paused_providers,
    )
    return create_app(
        SERVICE,
        version=VERSION,
        routers=[module.router(parts) for module in ROUTERS],
        health={"database": database.ping},
        gate=gate,
        database=database,
    )
