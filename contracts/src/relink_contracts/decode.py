"""From a consumed record to a typed event."""

from datetime import UTC, datetime

from relink_contracts.envelope import EventData, KafkaRecord, Received, UnknownType, parse, read
from relink_contracts.events import EVENTS


def decode(record: KafkaRecord, *, received_at: datetime | None = None) -> Received[EventData]:
    """The event in `record`; `received_at` is the present moment unless given.

    Raises Undecodable for bytes that are no event (set them aside: no retry helps) and UnknownType for an event of a
    type or major version that this release does not know (pass over it). A later minor version is read.
    """
    envelope = parse(record)
    event = EVENTS.get(envelope.type)
    if event is None:
        raise UnknownType(envelope.type)
    return read(envelope, event, received_at=received_at or datetime.now(UTC))
