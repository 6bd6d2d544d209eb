"""For the tests of services."""

from datetime import datetime, timedelta
from typing import TypeVar

from chassis.consume import Handler
from chassis.database import Tx
from relink_contracts.envelope import EventData, Received

E = TypeVar("E", bound=EventData)


class FrozenClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> None:
        self._at += by


async def twice(handler: Handler, event: Received[E], tx: Tx, *, consumer: str = "test") -> None:
    """Deliver the same event two times, as Kafka may: what the handler did must look as if it came once."""
    await handler.deliver(event, tx, consumer)
    await handler.deliver(event, tx, consumer)
