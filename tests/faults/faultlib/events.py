"""The one kind of event that these tests need, on topics of each seed's own."""

from typing import Any, ClassVar
from uuid import UUID

from relink_contracts.envelope import Actor, EventData


class EntryPosted(EventData):
    TYPE: ClassVar[str] = "relink.entry.posted.v1"
    TOPIC: ClassVar[str] = "testing.entry.events.v1"
    AGGREGATE: ClassVar[str] = "account"

    account: str
    command: UUID
    padding: str = ""

    def subject(self) -> str:
        return self.account


def on(topic: str, event: type[EventData] = EntryPosted) -> type[Any]:
    """The event, on this topic."""
    return type(event.__name__, (event,), {"TOPIC": topic, "__module__": __name__})


def entry(event: type[Any], account: str, command: UUID, padding: str = "") -> Any:
    actor = Actor(type="system", id="faults")
    return event(business_id="biz_1", actor=actor, account=account, command=command, padding=padding)
