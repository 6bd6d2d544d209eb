"""A relay, as in every worker."""

from chassis.http import create_app
from chassis.relay import Relay
from chassis.run import serve
from faultlib.actors.common import Told, run
from faultlib.history import History


async def main(told: Told, history: History) -> None:
    relay = Relay(told.database, told.kafka)
    history.note("ready")
    app = create_app(told.service, version="1", health={})
    await serve(relay, http=(app, "127.0.0.1", told.port) if told.port else None)


if __name__ == "__main__":
    run(main)
