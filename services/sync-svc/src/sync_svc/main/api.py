"""`api`: serves the HTTP API until SIGTERM."""

from fastapi import FastAPI

from chassis.database import Database
from chassis.http import create_app
from chassis.run import serve
from sync_svc.api import refresh, status
from sync_svc.main import SERVICE, VERSION, database_of, pace_of
from sync_svc.settings import Settings


async def run(settings: Settings) -> None:
    async with database_of(settings) as database:
        await serve(http=(build_app(settings, database), settings.http.host, settings.http.port))


def build_app(settings: Settings, database: Database) -> FastAPI:
    now, gate = settings.process.clock(), settings.identity.gate(SERVICE)
    return create_app(
        SERVICE,
        version=VERSION,
        routers=[refresh.routes(gate, database, now, pace_of(settings)), status.routes(gate, database, now)],
        health={"database": database.ping},
        gate=gate,
        database=database,
    )
