"""A relay, as in every worker."""

from chassis.relay import Relay
from chassis.run import serve
from faultlib.actors.common import Told, run
from faultlib.history import History


async def main(told: Told, history: History) -> None:
    relay = Relay(told.database, told.kafka)
    history.note("ready")
    await serve(relay)


if __name__ == "__main__":
    run(main)
