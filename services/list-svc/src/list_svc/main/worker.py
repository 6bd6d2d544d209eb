"""`worker`: hears, relays, and says the rules again, until SIGTERM."""

from chassis import health, inbox
from chassis.consume import Consumer
from chassis.relay import Relay
from chassis.run import serve
from list_svc.handlers import HANDLERS
from list_svc.main import SERVICE, VERSION, database_of
from list_svc.settings import Settings
from list_svc.work.say_rules_again import weekly


async def run(settings: Settings) -> None:
    now, kafka = settings.process.clock(), settings.kafka.bootstrap_servers
    async with database_of(settings) as database:
        consumer = Consumer(SERVICE, database, kafka, HANDLERS, now, version=VERSION)
        app = health.create_app({"database": database.ping, "consumer": consumer.is_ready})
        await serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), kafka),
            inbox.upkeep(database),
            weekly(database, now),
            http=(app, settings.http.host, settings.http.port),
        )
