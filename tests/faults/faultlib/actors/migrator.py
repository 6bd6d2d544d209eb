"""What `python -m X_svc migrate` does, for the next release of the ledger."""

from chassis.migrations import migrate
from faultlib.actors.common import Told, run
from faultlib.history import History


async def main(told: Told, history: History) -> None:
    history.note("ready")
    await migrate(told.database, "faultlib.ledger_next")


if __name__ == "__main__":
    run(main)
