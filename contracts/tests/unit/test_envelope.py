from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from relink_contracts import Undecodable, UnknownType, decode
from relink_contracts.envelope import (
    MAX_RECORD_BYTES,
    EventData,
    NotAState,
    Reason,
    Received,
    RecordTooLarge,
    Tombstone,
    parse,
    speaker,
    to_record,
)
from relink_contracts.events import ConnectionExpired, ConnectionState, ItemPublishFailed, Rule, SyncCompleted
from relink_contracts.ids import new_event_id, new_id
from relink_contracts.testing import NOW, Record, a, received, record_of

say = speaker("connection-svc")
AN_ID = UUID("019a7700-0000-7000-8000-000000000001")


def test_an_event_becomes_a_record_with_the_attributes_as_headers_and_the_data_alone_as_value() -> None:
    cause = received(ConnectionState, connection_id="con_7")

    outgoing = say(a(ConnectionExpired, connection_id="con_7"), at=NOW, caused_by=cause, id=AN_ID)
    topic, key, value, headers = to_record(outgoing, sequence=14)

    assert (topic, key) == ("accounting.connection.events.v1", b"con_7")
    assert value == outgoing.data.model_dump_json().encode()
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"019a7700-0000-7000-8000-000000000001",
        "ce_source": b"/relink/connection-svc",
        "ce_type": b"relink.connection.expired.v1",
        "ce_subject": b"con_7",
        "ce_time": b"2026-11-12T09:30:00Z",
        "content-type": b"application/json",
        "ce_dataschema": b"https://schemas.relink.example/connection.expired/1.0.0.json",
        "ce_correlationid": cause.correlation_id.encode(),
        "ce_causationid": str(cause.id).encode(),
        "ce_sequence": b"00000000000000000014",
        "ce_partitionkey": b"con_7",
        "ce_businessid": b"biz_demo",
    }


def test_an_event_without_a_cause_begins_its_own_flow() -> None:
    outgoing = say(a(ConnectionExpired), at=NOW)

    assert outgoing.correlation_id == str(outgoing.id)
    assert outgoing.causation_id is None
    assert "ce_causationid" not in dict(to_record(outgoing, sequence=1).headers)


def test_what_was_said_in_another_time_zone_is_written_in_utc() -> None:
    outgoing = say(a(ConnectionExpired), at=NOW.astimezone(timezone(timedelta(hours=13))))

    assert dict(to_record(outgoing, sequence=1).headers)["ce_time"] == b"2026-11-12T09:30:00Z"


def test_a_tombstone_has_a_null_value_and_all_headers() -> None:
    gone = say(Tombstone(Rule, subject="rul_1", key="rul_1", business_id="biz_demo"), at=NOW)

    record = to_record(gone, sequence=2)
    heard = decode(Record(*record))

    assert record.value is None
    assert (heard.type, heard.subject, heard.sequence, heard.data) == ("relink.rule.state.v1", "rul_1", 2, None)


def test_only_a_state_topic_has_tombstones() -> None:
    with pytest.raises(NotAState, match="not a state topic"):
        Tombstone(ConnectionExpired, subject="con_1", key="con_1", business_id="biz_demo")


def test_a_record_of_more_than_a_megabyte_is_refused_when_it_is_said() -> None:
    verbose = a(ItemPublishFailed, provider_message="x" * MAX_RECORD_BYTES)

    with pytest.raises(RecordTooLarge, match="itm_1 takes"):
        to_record(say(verbose, at=NOW), sequence=1)


def test_a_heard_event_equals_the_said_one() -> None:
    said = a(SyncCompleted)

    heard = decode(record_of(said, sequence=3, id=AN_ID), received_at=NOW)

    assert heard.data == said
    assert (heard.id, heard.sequence, heard.key, heard.subject) == (AN_ID, 3, "con_1", "syn_1")
    assert (heard.business_id, heard.time, heard.received_at) == ("biz_demo", NOW, NOW)


@pytest.mark.parametrize("missing", ["ce_type", "ce_source", "ce_subject", "ce_sequence", "ce_time", "ce_businessid"])
def test_a_record_that_lacks_an_attribute_has_no_envelope(missing: str) -> None:
    with pytest.raises(Undecodable) as refused:
        decode(record_of(a(ConnectionExpired), headers={missing: None}))

    assert refused.value.reason is Reason.NO_ENVELOPE


@pytest.mark.parametrize(
    "broken",
    [
        {"ce_specversion": "0.9"},
        {"ce_sequence": "one"},
        {"ce_time": "yesterday"},
        {"ce_time": "2026-11-12T09:30:00"},
        {"ce_source": ""},
    ],
)
def test_a_record_with_a_broken_attribute_has_no_envelope(broken: dict[str, str | None]) -> None:
    with pytest.raises(Undecodable) as refused:
        decode(record_of(a(ConnectionExpired), headers=broken))

    assert refused.value.reason is Reason.NO_ENVELOPE


def test_headers_that_are_no_text_are_no_envelope() -> None:
    record = record_of(a(ConnectionExpired))
    latin = [(name, b"\xff\xfe" if name == "ce_subject" else text) for name, text in record.headers]

    with pytest.raises(Undecodable) as refused:
        decode(Record(record.topic, record.key, record.value, latin))

    assert refused.value.reason is Reason.NO_ENVELOPE


@pytest.mark.parametrize(("null", "reason"), [("ce_subject", Reason.NO_ENVELOPE), ("ce_id", Reason.NO_ID)])
def test_an_attribute_that_is_null_is_a_missing_one(null: str, reason: Reason) -> None:
    record = record_of(a(ConnectionExpired))
    nulled: Any = [(name, None if name == null else text) for name, text in record.headers]

    with pytest.raises(Undecodable) as refused:
        decode(Record(record.topic, record.key, record.value, nulled))

    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2026-11-12T09:30:00.123456789Z", NOW.replace(microsecond=123456)),
        ("2026-11-12T22:30:00+13:00", NOW),
    ],
)
def test_a_time_is_heard_in_utc_whatever_its_zone_and_precision(written: str, time: datetime) -> None:
    heard = decode(record_of(a(ConnectionExpired), headers={"ce_time": written}))

    assert (heard.time, heard.time.tzinfo) == (time, UTC)


@pytest.mark.parametrize("cause", [None, received(ConnectionState)])
def test_our_reading_of_an_envelope_is_the_one_of_the_cloudevents_library(cause: Received[EventData] | None) -> None:
    record = to_record(say(a(ItemPublishFailed), at=NOW, caused_by=cause), sequence=12)

    ours = parse(Record(*record))
    message = KafkaMessage(dict(record.headers), record.key, record.value or b"")
    theirs = from_binary(message, JSONFormat(), CloudEvent).get_attributes()

    assert {
        "id": str(ours.id),
        "source": ours.source,
        "type": ours.type,
        "subject": ours.subject,
        "partitionkey": ours.key,
        "time": ours.time,
        "sequence": f"{ours.sequence:020d}",
        "businessid": ours.business_id,
        "correlationid": ours.correlation_id,
        **({"causationid": ours.causation_id} if cause else {}),
    } == {name: value for name, value in theirs.items() if name not in ("specversion", "datacontenttype", "dataschema")}


def test_bytes_of_somebody_else_have_no_envelope() -> None:
    with pytest.raises(Undecodable) as refused:
        decode(Record("accounting.connection.events.v1", b"con_1", b"hello"))

    assert refused.value.reason is Reason.NO_ENVELOPE


@pytest.mark.parametrize("key", [None, b""])
def test_an_event_without_a_key_is_undecodable(key: bytes | None) -> None:
    record = record_of(a(ConnectionExpired))

    with pytest.raises(Undecodable) as refused:
        decode(Record(record.topic, key, record.value, record.headers))

    assert refused.value.reason is Reason.NO_KEY


@pytest.mark.parametrize("event_id", [None, "17", str(uuid4())])
def test_an_event_without_a_uuid7_is_undecodable(event_id: str | None) -> None:
    with pytest.raises(Undecodable) as refused:
        decode(record_of(a(ConnectionExpired), headers={"ce_id": event_id}))

    assert refused.value.reason is Reason.NO_ID


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"hello", Reason.NOT_JSON),
        (b"", Reason.NOT_JSON),
        (b"\xff", Reason.NOT_JSON),
        (b"[]", Reason.DATA_INVALID),
        (b'{"business_id": "biz_demo"}', Reason.DATA_INVALID),
        (None, Reason.DATA_INVALID),
        (b'"' + b"x" * MAX_RECORD_BYTES + b'"', Reason.TOO_LARGE),
    ],
)
def test_a_value_that_is_no_data_of_its_type_is_undecodable(value: bytes | None, reason: Reason) -> None:
    record = record_of(a(ConnectionExpired))

    with pytest.raises(Undecodable) as refused:
        decode(Record(record.topic, record.key, value, record.headers))

    assert refused.value.reason is reason


def test_the_refusal_names_the_field_and_keeps_its_content_to_itself() -> None:
    record = record_of(a(ConnectionExpired))
    assert record.value is not None
    retyped = record.value.replace(b'"generation":1', b'"generation":"a private matter"')

    with pytest.raises(Undecodable, match="generation: Input should be a valid integer") as refused:
        decode(Record(record.topic, record.key, retyped, record.headers))

    assert "private" not in str(refused.value)


@pytest.mark.parametrize("unknown", ["relink.connection.expired.v2", "relink.connection.renamed.v1"])
def test_a_future_major_or_a_new_type_is_unknown_not_undecodable(unknown: str) -> None:
    with pytest.raises(UnknownType, match=unknown):
        decode(record_of(a(ConnectionExpired), headers={"ce_type": unknown}))


def test_a_future_minor_is_read_without_what_it_added() -> None:
    record = record_of(
        a(ConnectionExpired), headers={"ce_dataschema": "https://x.example/connection.expired/1.7.0.json"}
    )
    assert record.value is not None
    grown = record.value.replace(b"{", b'{"colour":"red",', 1).replace(b'"type":', b'"badge":{"x":1},"type":')

    heard = decode(Record(record.topic, record.key, grown, record.headers))

    assert heard.data == a(ConnectionExpired)


def test_an_unknown_value_of_a_growing_set_is_heard_as_it_is() -> None:
    record = record_of(a(ConnectionExpired))
    assert record.value is not None
    grown = record.value.replace(b'"consent_lapsed"', b'"provider_closed"')

    heard = decode(Record(record.topic, record.key, grown, record.headers))

    assert isinstance(heard.data, ConnectionExpired)
    assert heard.data.reason == "provider_closed"


def test_whoever_says_an_unknown_value_is_refused() -> None:
    with pytest.raises(ValueError, match="'provider_closed' is none of consent_lapsed"):
        a(ConnectionExpired, reason="provider_closed")


def test_whoever_says_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="colour"):
        a(ConnectionExpired, colour="red")


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone"):
        a(ConnectionExpired, expired_at=NOW.replace(tzinfo=None))


def test_ids_name_their_kind_and_sort_by_creation() -> None:
    first, second = new_id("con"), new_id("con")

    assert first.startswith("con_")
    assert first < second
    assert new_event_id().version == 7


def test_the_envelope_can_be_read_without_knowing_the_event() -> None:
    envelope = parse(record_of(a(ConnectionExpired), sequence=5, headers={"ce_type": "relink.connection.dreamt.v1"}))

    assert (envelope.type, envelope.subject, envelope.sequence) == ("relink.connection.dreamt.v1", "con_1", 5)
