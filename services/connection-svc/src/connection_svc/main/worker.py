"""`worker`: hears, relays, and does what the clock starts, until SIGTERM."""

from datetime import timedelta
from uuid import uuid4

import providers
from chassis import health, inbox
from chassis.consume import Consumer
from chassis.relay import Relay
from chassis.run import Loop, serve
from connection_svc.handlers import HANDLERS
from connection_svc.main import SERVICE, VERSION, database_of, http_client, vault_of
from connection_svc.settings import Settings
from connection_svc.work.check_reported import check_reported
from connection_svc.work.end_attempts import end_attempts
from connection_svc.work.forget_old import forget_old
from connection_svc.work.give_back import AccessReturner, return_access
from connection_svc.work.judge_health import HealthJudge
from connection_svc.work.measure import measure
from connection_svc.work.refresh_idle import refresh_idle
from connection_svc.work.remind import remind
from connection_svc.work.republish_state import say_states_weekly
from connection_svc.work.token_keeper import TokenKeeper
from connection_svc.work.watch_consents import watch_consents


async def run(settings: Settings) -> None:
    async with database_of(settings) as database, http_client() as http:
        now, kafka = settings.process.clock(), settings.kafka.bootstrap_servers
        consumer = Consumer(SERVICE, database, kafka, HANDLERS, now, version=VERSION)
        app = health.create_app({"database": database.ping, "consumer": consumer.is_ready})
        vault, known = vault_of(settings), providers.build(settings.providers, http)
        keeper = TokenKeeper(database, vault, known, now)
        returner = AccessReturner(database, vault, known, now)
        judge = HealthJudge(database, keeper, known, now)
        second, minute = timedelta(seconds=1), timedelta(minutes=1)
        await serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), kafka),
            inbox.upkeep(database),
            Loop("watch-consents", lambda: watch_consents(database, now), every=second),
            Loop("check-reported", lambda: check_reported(database, keeper, now), every=second),
            Loop("remind", lambda: remind(database, now), every=second),
            Loop("judge-health", judge.judge_all, every=5 * second),
            Loop("end-attempts", lambda: end_attempts(database, now), every=second),
            Loop("return-access", lambda: return_access(database, returner, now), every=second),
            Loop("measure", lambda: measure(database, now), every=minute),
            Loop("forget-old", lambda: forget_old(database, now), every=60 * minute),
            Loop("refresh-idle", lambda: refresh_idle(database, keeper, now), every=minute),
            Loop("say-states", lambda: say_states_weekly(database, now, holder=uuid4().hex), every=60 * minute),
            http=(app, settings.http.host, settings.http.port),
        )
