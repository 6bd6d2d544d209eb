"""The envelope: CloudEvents 1.0 in Kafka's binary mode.

The record's value is the JSON of the data alone, the attributes are its headers. Nothing here knows an event.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from cloudevents.core.bindings.kafka import to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ConfigDict, ValidationError

from relink_contracts.fields import READING, OneOf, UserId
from relink_contracts.ids import new_event_id

MAX_RECORD_BYTES: Final = 1_000_000
SCHEMA_BASE: Final = "https://schemas.relink.example"
NO_BUSINESS: Final = "biz_none"
"""The `business_id` of what concerns every business alike, such as a provider's health."""

_JSON: Final = JSONFormat()
_UUID_VERSION: Final = 7
_SEQUENCE_DIGITS: Final = 20
_NEEDED_HEADERS: Final = tuple(
    f"ce_{name}"
    for name in ("specversion", "source", "type", "subject", "time", "sequence", "businessid", "correlationid")
)


class Part(BaseModel):
    """A part of an event's data. Its producer's side is closed: an unknown field is refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
        defer_build=True,  # when first needed: no service says or hears more than half of the catalogue
    )


class Actor(Part):
    """Who made it happen: a user's id, a service, a provider's name or an operator's id."""

    type: Annotated[str, OneOf("user", "system", "provider", "operator")]
    id: UserId


class EventData(Part):
    """What one event says. A class per type, which states its type, topic and version."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    VERSION: ClassVar[str] = "1.0.0"
    AGGREGATE: ClassVar[str]
    """The kind of entity whose running number the event takes."""

    business_id: str
    actor: Actor

    @abstractmethod
    def subject(self) -> str:
        """The entity's id, for `ce_subject`."""

    def key(self) -> str:
        """The record's key: what keeps its order."""
        return self.subject()


class NotAState(TypeError):
    def __init__(self, event: type[EventData]) -> None:
        self.event = event
        super().__init__(f"{event.TYPE} lives on {event.TOPIC}, which is not a state topic: it has no tombstones")


def is_state(event: type[EventData]) -> bool:
    """Whether the event's topic is compacted, so that a null value there means that the entity is gone."""
    return event.TOPIC.split(".")[-2] == "state"


def schema_name(event: type[EventData]) -> str:
    """`connection.expired` for `relink.connection.expired.v1`: the folder of its schemas and examples."""
    return event.TYPE.removeprefix("relink.").rsplit(".", 1)[0]


@dataclass(frozen=True)
class Tombstone:
    """The entity is gone: a null value on its compacted topic, with all headers."""

    event: type[EventData]
    subject: str
    key: str
    business_id: str

    def __post_init__(self) -> None:
        if not is_state(self.event):
            raise NotAState(self.event)


@dataclass(frozen=True)
class Outgoing:
    """An event about to be said. It becomes a record once its entity's next sequence number is known."""

    data: EventData | Tombstone
    source: str
    id: UUID
    time: datetime
    correlation_id: str
    causation_id: str | None

    @property
    def event(self) -> type[EventData]:
        return self.data.event if isinstance(self.data, Tombstone) else type(self.data)

    @property
    def subject(self) -> str:
        return self.data.subject if isinstance(self.data, Tombstone) else self.data.subject()

    @property
    def key(self) -> str:
        return self.data.key if isinstance(self.data, Tombstone) else self.data.key()


T = TypeVar("T", bound=EventData)
T_co = TypeVar("T_co", bound=EventData, covariant=True)


@dataclass(frozen=True, slots=True)
class Received(Generic[T_co]):
    """An event as somebody hears it. `data` is None when the record is a tombstone."""

    id: UUID
    source: str
    type: str
    subject: str
    key: str
    time: datetime
    sequence: int
    business_id: str
    correlation_id: str
    causation_id: str | None
    data: T_co | None
    received_at: datetime
    topic: str
    partition: int
    offset: int


class Say(Protocol):
    """How one service says what happened."""

    def __call__(
        self,
        data: EventData | Tombstone,
        *,
        at: datetime,
        caused_by: Received[EventData] | None = None,
        id: UUID | None = None,  # noqa: A002 - it is the event's `id`
    ) -> Outgoing: ...


def speaker(service: str) -> Say:
    """The voice of `service`: it adds the source, an id, and the flow that the event belongs to."""

    def say(
        data: EventData | Tombstone,
        *,
        at: datetime,
        caused_by: Received[EventData] | None = None,
        id: UUID | None = None,  # noqa: A002 - it is the event's `id`
    ) -> Outgoing:
        event_id = id or new_event_id()
        return Outgoing(
            data=data,
            source=f"/relink/{service}",
            id=event_id,
            time=at.astimezone(UTC),
            correlation_id=caused_by.correlation_id if caused_by else str(event_id),
            causation_id=str(caused_by.id) if caused_by else None,
        )

    return say


class KafkaRecord(Protocol):
    """A consumed record, as aiokafka hands it over; any client's can be wrapped."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class RecordToSend(NamedTuple):
    """Topic, key, value and headers for a producer. `traceparent` is for the sender to add: it belongs to the hop."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


class RecordTooLarge(ValueError):
    def __init__(self, event_type: str, subject: str, size: int) -> None:
        self.event_type, self.subject, self.size = event_type, subject, size
        super().__init__(
            f"{event_type} about {subject} takes {size} bytes, more than the {MAX_RECORD_BYTES} of a topic"
        )


def to_record(outgoing: Outgoing, sequence: int) -> RecordToSend:
    """The record of an event, `sequence` being its entity's running number.

    Raises RecordTooLarge, so that the transaction that wanted to say it fails and not the relay for ever after.
    """
    event, key = outgoing.event, outgoing.key
    business_id = outgoing.data.business_id
    value = None if isinstance(outgoing.data, Tombstone) else outgoing.data.model_dump_json().encode()
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(outgoing.id),
        "source": outgoing.source,
        "type": event.TYPE,
        "subject": outgoing.subject,
        "time": outgoing.time,
        "datacontenttype": "application/json",
        "dataschema": f"{SCHEMA_BASE}/{schema_name(event)}/{event.VERSION}.json",
        "correlationid": outgoing.correlation_id,
        "sequence": f"{sequence:0{_SEQUENCE_DIGITS}d}",
        "partitionkey": key,
        "businessid": business_id,
    }
    if outgoing.causation_id is not None:
        attributes["causationid"] = outgoing.causation_id
    message = to_binary(CloudEvent(attributes, value), _JSON)
    headers = list(message.headers.items())
    size = len(key.encode()) + len(value or b"") + sum(len(name) + len(text) for name, text in headers)
    if size > MAX_RECORD_BYTES:
        raise RecordTooLarge(event.TYPE, outgoing.subject, size)
    # The binding writes b"" for "no data"; a tombstone's value is null.
    return RecordToSend(event.TOPIC, key.encode(), value, headers)


class Reason(StrEnum):
    """Why bytes are no event."""

    NO_ENVELOPE = "no_envelope"
    NO_KEY = "no_key"
    NO_ID = "no_id"
    NOT_JSON = "not_json"
    DATA_INVALID = "data_invalid"
    TOO_LARGE = "too_large"


class Undecodable(Exception):
    """The record is no event of ours, and no retry will make it one."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


class UnknownType(Exception):
    """A well-formed event of a type, or a major version, that this release does not know: acknowledge and count it."""

    def __init__(self, event_type: str) -> None:
        self.event_type = event_type
        super().__init__(f"no event type {event_type} is known here")


class Envelope(NamedTuple):
    """The attributes of a record, its value still unread."""

    id: UUID
    source: str
    type: str
    subject: str
    key: str
    time: datetime
    sequence: int
    business_id: str
    correlation_id: str
    causation_id: str | None
    value: bytes | None
    topic: str
    partition: int
    offset: int


def parse(record: KafkaRecord) -> Envelope:
    """The record's envelope. Raises Undecodable when there is none, no key or no id in it, or when it is too large."""
    if record.value is not None and len(record.value) > MAX_RECORD_BYTES:
        raise Undecodable(
            Reason.TOO_LARGE, f"{len(record.value)} bytes are more than the {MAX_RECORD_BYTES} of a topic"
        )
    headers = dict(record.headers)
    # By hand, in a sixth of the time of the binding's `from_binary`; a test holds the two together. Nothing but ours is
    # decoded: a header that somebody's tracing added may hold bytes that are no text.
    if missing := [name for name in _NEEDED_HEADERS if not headers.get(name)]:
        raise Undecodable(Reason.NO_ENVELOPE, f"the record has no {', '.join(missing)}")
    if headers["ce_specversion"] != b"1.0":
        raise Undecodable(Reason.NO_ENVELOPE, f"ce_specversion is {headers['ce_specversion']!r}, not 1.0")
    if not record.key:
        raise Undecodable(Reason.NO_KEY, "the record has no key")
    event_id = _event_id(headers.get("ce_id"))
    causation_id = headers.get("ce_causationid")
    try:
        return Envelope(
            event_id,
            headers["ce_source"].decode(),
            headers["ce_type"].decode(),
            headers["ce_subject"].decode(),
            record.key.decode(),
            _time(headers["ce_time"].decode()),
            int(headers["ce_sequence"]),
            headers["ce_businessid"].decode(),
            headers["ce_correlationid"].decode(),
            causation_id.decode() if causation_id else None,
            record.value,
            record.topic,
            record.partition,
            record.offset,
        )
    except ValueError as problem:
        raise Undecodable(Reason.NO_ENVELOPE, str(problem)) from problem


def _event_id(text: bytes | None) -> UUID:
    try:
        event_id = UUID((text or b"").decode())
    except ValueError:
        raise Undecodable(Reason.NO_ID, "ce_id is missing or no UUID") from None
    if event_id.version != _UUID_VERSION:
        raise Undecodable(Reason.NO_ID, f"ce_id {event_id} is no UUIDv7")
    return event_id


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"ce_time {text} has no time zone")
    return time.astimezone(UTC)


def read(envelope: Envelope, event: type[T], *, received_at: datetime) -> Received[T]:
    """The event, its data read as `event`: unknown fields are ignored, unknown values of growing sets let through.

    Raises Undecodable when the value is not JSON or does not fit the type.
    """
    data = _read_data(envelope.value, event)
    return Received(*envelope[:10], data, received_at, *envelope[11:])


def _read_data(value: bytes | None, event: type[T]) -> T | None:
    if value is None:
        if not is_state(event):
            raise Undecodable(Reason.DATA_INVALID, f"{event.TYPE} has no data, and {event.TOPIC} has no tombstones")
        return None
    try:
        return event.model_validate_json(value, strict=True, extra="ignore", context=READING)
    except ValidationError as problem:
        errors = problem.errors(include_input=False, include_url=False, include_context=False)
        reason = Reason.NOT_JSON if errors[0]["type"] == "json_invalid" else Reason.DATA_INVALID
        raise Undecodable(reason, "; ".join(_sentence(error["loc"], error["msg"]) for error in errors)) from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, location)) or 'value'}: {message}"
