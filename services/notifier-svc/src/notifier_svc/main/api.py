"""`api`: serves the HTTP API until SIGTERM."""

from fastapi import FastAPI

from chassis.database import Database
from chassis.http import create_app
from chassis.run import serve
from notifier_svc.api import notices
from notifier_svc.main import SERVICE, VERSION, database_of
from notifier_svc.settings import Settings


async def run(settings: Settings) -> None:
    async with database_of(settings) as database:
        await serve(http=(build_app(settings, database), settings.http.host, settings.http.port))


def build_app(settings: Settings, database: Database) -> FastAPI:
    gate = settings.identity.gate(SERVICE)
    return create_app(
        SERVICE,
        version=VERSION,
        routers=[notices.router(database, gate, settings.process.clock())],
        health={"database": database.ping},
        gate=gate,
        database=database,
    )
