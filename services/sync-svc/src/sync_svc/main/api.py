"""`api`: serves the HTTP API until SIGTERM."""

from chassis.http import create_app
from chassis.run import serve
from sync_svc.api import refresh, status
from sync_svc.main import SERVICE, VERSION, database_of, pace_of
from sync_svc.settings import Settings


async def run(settings: Settings) -> None:
    now, gate = settings.process.clock(), settings.identity.gate(SERVICE)
    async with database_of(settings) as database:
        routers = [refresh.routes(gate, database, now, pace_of(settings)), status.routes(gate, database, now)]
        health = {"database": database.ping}
        app = create_app(SERVICE, version=VERSION, routers=routers, health=health, gate=gate, database=database)
        await serve(http=(app, settings.http.host, settings.http.port))
