"""Each row of the table in architecture.md, section 6, on a real Kafka and a real PostgreSQL."""

import asyncio
import json
import time
from typing import Any

import asyncpg
from build_chassis import Diary, a_thing, drop_topics, eventually, make_topic, produce, said
from prometheus_client import REGISTRY

from chassis.consume import Consumer, NotYetKnown, knows, reacts
from chassis.database import Tx
from relink_contracts.envelope import to_record


def altered(stage: Any, *, key: Any = ..., value: Any = ..., without: str = "", **headers: bytes) -> tuple:
    """A good record, spoilt."""
    record = to_record(said(a_thing(event=stage.Happened)), 1)
    kept = [(name, text) for name, text in record.headers if name != without and name not in headers]
    return (
        record.topic,
        record.key if key is ... else key,
        record.value if value is ... else value,
        [*kept, *headers.items()],
    )


async def codes_of_dead_letters(stage: Any) -> list[str]:
    """In the order of the offsets that the records had."""
    headers = [dict(letter.headers) for letter in await stage.dead_letters()]
    headers.sort(key=lambda each: int(each["dlq-origin-offset"]))
    return [each["dlq-error-code"].decode() for each in headers]


async def test_bytes_that_are_no_event_are_put_aside_at_once_and_the_partition_moves_on(stage) -> None:
    diary = Diary()
    poison = [
        ("not_json", altered(stage, value=b"{nonsense")),
        ("not_json", altered(stage, value=b"")),
        ("no_envelope", altered(stage, without="ce_type")),
        ("no_envelope", (stage.topic, None, None, [])),
        ("no_envelope", altered(stage, ce_type=b"\xff\xfe")),
        ("no_envelope", altered(stage, ce_time=b"yesterday")),
        ("no_envelope", altered(stage, ce_sequence=b"many")),
        ("no_key", altered(stage, key=None)),
        ("no_id", altered(stage, ce_id=b"17")),
        ("data_invalid", altered(stage, value=b'{"thing_id": 7}')),
        ("data_invalid", altered(stage, value=None)),
        ("too_large", altered(stage, value=b'"' + b"x" * 1_200_000 + b'"')),
    ]
    begun = time.monotonic()
    await produce(stage.kafka, *(record for _, record in poison), said(a_thing("thg_9", stage.Happened, number=9)))

    async with stage.consuming(reacts(stage.Happened, diary)):
        await eventually(stage.all_committed(len(poison) + 1))

    assert await codes_of_dead_letters(stage) == [code for code, _ in poison]
    assert diary.numbers == [9]
    assert time.monotonic() - begun < 10


async def test_a_header_of_others_that_is_no_text_spoils_nothing(stage) -> None:
    diary = Diary()
    await produce(stage.kafka, altered(stage, x_agent=b"\xff\x00", traceparent=b"\xff"))

    async with stage.consuming(reacts(stage.Happened, diary)):
        await eventually(lambda: diary.numbers == [0])


async def test_a_dead_letter_is_the_same_record_with_headers_that_say_what_happened(stage) -> None:
    good = to_record(said(a_thing("thg_1", stage.Happened)), 1)
    failing = Diary(always=RuntimeError("password=hunter2 " + "x" * 1000))
    await produce(stage.kafka, good)

    async with stage.consuming(reacts(stage.Happened, failing)):
        await eventually(stage.dead_letters)

    [letter] = await stage.dead_letters()
    headers = dict(letter.headers)
    assert (letter.key, letter.value, list(letter.headers)[: len(good.headers)]) == (good.key, good.value, good.headers)
    added = {name: text.decode() for name, text in headers.items() if name.startswith("dlq-")}
    times = [added.pop("dlq-first-failed-at"), added.pop("dlq-failed-at"), added.pop("dlq-origin-timestamp")]
    message = added.pop("dlq-error-message")
    assert added == {
        "dlq-consumer": stage.service,
        "dlq-origin-topic": stage.topic,
        "dlq-origin-partition": "0",
        "dlq-origin-offset": "0",
        "dlq-error-code": "unexpected",
        "dlq-error-class": "RuntimeError",
        "dlq-attempts": "3",
        "dlq-service-version": "1.2.3",
    }
    assert "hunter2" not in message
    assert len(message) <= 500
    assert times[2] <= times[0] < times[1]


async def test_a_type_nobody_here_handles_and_a_future_major_version_are_acknowledged(stage) -> None:
    diary = Diary()
    await produce(
        stage.kafka,
        altered(stage, ce_type=b"relink.thing.vanished.v1"),
        altered(stage, ce_type=b"relink.thing.happened.v2", value=b'{"quite": "different"}'),
        said(a_thing("thg_9", stage.Happened, number=9)),
    )

    async with stage.consuming(reacts(stage.Happened, diary)):
        await eventually(lambda: diary.numbers == [9])

    assert await stage.dead_letters() == []
    assert await stage.committed() == 3
    assert (
        REGISTRY.get_sample_value(
            "events_total", {"consumer": stage.service, "topic": stage.topic, "outcome": "unknown_type"}
        )
        == 2
    )


async def test_an_unknown_field_of_a_future_minor_version_is_ignored(stage) -> None:
    diary = Diary()
    value = a_thing("thg_1", stage.Happened, number=4).model_dump() | {"brand_new": True}
    await produce(stage.kafka, altered(stage, value=json.dumps(value).encode()))

    async with stage.consuming(reacts(stage.Happened, diary)):
        await eventually(lambda: diary.numbers == [4])


async def test_while_the_database_is_away_the_event_waits_in_place_and_is_never_put_aside(stage) -> None:
    away = [asyncpg.CannotConnectNowError("starting up"), ConnectionRefusedError(), TimeoutError()]
    diary = Diary(*away, asyncpg.SerializationError("conflict"))
    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened, number=1)))

    async with stage.consuming(reacts(stage.Happened, diary)):
        await eventually(lambda: diary.numbers == [1])

    assert diary.attempts == 5
    assert await stage.dead_letters() == []


async def test_a_database_connection_cut_under_the_handler_only_delays_the_event(stage) -> None:
    attempts = []

    async def cut_the_first_time(event: Any, tx: Tx) -> None:
        attempts.append(event)
        if len(attempts) == 1:
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        await tx.execute("INSERT INTO things (id) VALUES ($1)", event.subject)

    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened)))
    async with stage.consuming(reacts(stage.Happened, cut_the_first_time)):
        await eventually(lambda: stage.has("SELECT FROM things"))

    assert len(attempts) == 2
    assert await stage.dead_letters() == []


async def test_after_30_seconds_without_database_the_partition_is_sent_back_and_comes_again(stage) -> None:
    diary = Diary(*(ConnectionRefusedError() for _ in range(33)), only="thg_1")
    away, well = (said(a_thing(name, stage.Happened, number=number)) for name, number in [("thg_1", 1), ("thg_2", 2)])
    await produce(stage.kafka, away, well)
    pauses = {"group": stage.service}

    async with stage.consuming(knows(stage.Happened, diary)):
        await eventually(lambda: REGISTRY.get_sample_value("partition_pauses_total", pauses), seconds=45)
        assert await stage.committed() == 0
        await eventually(lambda: 1 in diary.numbers, seconds=45)

    assert sorted(diary.numbers) == [
        1,
        2,
        2,
    ]  # what was behind it in the partition comes once more: the inbox is for that
    assert await stage.committed() == 2
    assert await stage.dead_letters() == []


async def test_the_consumer_is_not_ready_after_a_minute_without_database(stage) -> None:
    diary = Diary(always=ConnectionRefusedError())
    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened)))

    async with stage.consuming(knows(stage.Happened, diary)) as consumer:
        await eventually(lambda: diary.attempts)
        assert await consumer.is_ready()
        begun = time.monotonic()
        await eventually(lambda: not_ready(consumer), seconds=90)
        assert time.monotonic() - begun > 50


async def not_ready(consumer: Consumer) -> bool:
    return not await consumer.is_ready()


async def test_an_event_about_an_entity_not_yet_known_is_tried_again_until_it_is_known(stage) -> None:
    diary = Diary(NotYetKnown("thg_1"), NotYetKnown("thg_1"))
    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened, number=1)))

    async with stage.consuming(reacts(stage.Happened, diary)):
        await eventually(lambda: diary.numbers == [1])

    assert await stage.dead_letters() == []


async def test_however_many_keys_wait_for_another_try_the_others_go_on(stage) -> None:
    diary = Diary()
    await produce(
        stage.kafka, *(said(a_thing(f"thg_{number}", stage.Happened, number=number)) for number in range(300))
    )

    async def waits_for_the_last(event: Any, tx: Tx) -> None:
        if event.data.number < 299 and 299 not in diary.numbers:
            raise NotYetKnown("thg_299")
        await diary(event, tx)

    async with stage.consuming(reacts(stage.Happened, waits_for_the_last)):
        await eventually(stage.all_committed(300))

    assert diary.numbers[0] == 299
    assert await stage.dead_letters() == []


async def test_an_entity_that_stays_unknown_is_put_aside(stage) -> None:
    diary = Diary(always=NotYetKnown("thg_1"), only="thg_1")
    events = [said(a_thing(name, stage.Happened, number=number)) for name, number in [("thg_1", 1), ("thg_2", 2)]]
    await produce(stage.kafka, *events)

    async with stage.consuming(reacts(stage.Happened, diary)):
        await eventually(stage.dead_letters)
        await eventually(stage.all_committed(2))

    assert await codes_of_dead_letters(stage) == ["not_yet_known"]
    assert diary.numbers == [2]


async def test_anything_else_is_tried_three_times_within_15_seconds_and_put_aside(stage) -> None:
    diary = Diary(always=RuntimeError("a bug"), only="thg_1")
    events = [said(a_thing(name, stage.Happened, number=number)) for name, number in [("thg_1", 1), ("thg_2", 2)]]
    begun = time.monotonic()
    await produce(stage.kafka, *events)

    async with stage.consuming(reacts(stage.Happened, diary)):
        await eventually(stage.all_committed(2))

    assert time.monotonic() - begun < 15
    assert diary.attempts == 3 + 1
    assert await codes_of_dead_letters(stage) == ["unexpected"]


async def test_five_put_aside_in_a_row_stop_the_consumer_and_nothing_more_is_put_aside(stage) -> None:
    diary = Diary(always=RuntimeError("a bad release"))
    await produce(stage.kafka, *(said(a_thing(f"thg_{number}", stage.Happened)) for number in range(20)))

    async with stage.consuming(reacts(stage.Happened, diary)) as consumer:
        await eventually(lambda: not_ready(consumer))
        await eventually(stage.all_committed(5))
        assert REGISTRY.get_sample_value("consumer_stopped", {"consumer": stage.service}) == 1
        await produce(stage.kafka, said(a_thing("thg_99", stage.Happened)))
        attempts = diary.attempts
        await asyncio.sleep(6)

    assert diary.attempts == attempts
    assert len(await stage.dead_letters()) == 5
    assert await stage.committed() == 5


async def test_a_success_between_failures_keeps_the_consumer_going(stage) -> None:
    names = ["bad", "bad", "bad", "bad", "good", "bad", "bad", "bad", "bad", "good"]
    diary = Diary()
    events = [said(a_thing(f"{name}_{number}", stage.Happened)) for number, name in enumerate(names)]
    await produce(stage.kafka, *events)

    async def bad_fails(event: Any, tx: Tx) -> None:
        if event.subject.startswith("bad"):
            raise RuntimeError
        await diary(event, tx)

    async with stage.consuming(reacts(stage.Happened, bad_fails)) as consumer:
        await eventually(stage.all_committed(10))
        assert await consumer.is_ready()

    assert len(await stage.dead_letters()) == 8


async def test_bytes_that_are_no_event_do_not_count_towards_the_five(stage) -> None:
    diary = Diary()
    await produce(stage.kafka, *[altered(stage, value=b"{")] * 12, said(a_thing("thg_9", stage.Happened, number=9)))

    async with stage.consuming(reacts(stage.Happened, diary)) as consumer:
        await eventually(lambda: diary.numbers == [9])
        assert await consumer.is_ready()


async def test_while_the_dead_letter_topic_is_away_nothing_is_acknowledged(stage) -> None:
    await drop_topics(stage.kafka, [f"{stage.service}.dlq"])
    failures = {"consumer": stage.service}
    await produce(stage.kafka, altered(stage, value=b"{"), said(a_thing("thg_1", stage.Happened, number=1)))
    diary = Diary()

    async with stage.consuming(knows(stage.Happened, diary)):
        await eventually(lambda: REGISTRY.get_sample_value("dead_letter_failures_total", failures), seconds=60)
        assert await stage.committed() == 0
        await make_topic(stage.kafka, f"{stage.service}.dlq")
        await eventually(stage.all_committed(2), seconds=60)

    assert await codes_of_dead_letters(stage) == ["not_json"]


async def test_one_waiting_budget_serves_the_whole_batch(stage) -> None:
    """Eight failures of one key take 5 s each: without a common budget the batch would outlast the rebalance."""
    diary = Diary(always=NotYetKnown("thg_1"), only="thg_1")
    await produce(stage.kafka, *(said(a_thing("thg_1", stage.Happened)) for _ in range(4)))
    begun = time.monotonic()

    async with stage.consuming(knows(stage.Happened, diary)):
        pauses = {"group": stage.service}
        await eventually(lambda: REGISTRY.get_sample_value("partition_pauses_total", pauses), seconds=45)
        assert time.monotonic() - begun < 35
        assert await stage.committed() == 2
