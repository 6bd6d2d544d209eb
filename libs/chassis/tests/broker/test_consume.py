import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from build_chassis import Diary, a_thing, eventually, produce, said
from prometheus_client import REGISTRY

from chassis.consume import Consumer, knows, knows_together, reacts
from chassis.database import Tx
from chassis.tail import tail
from chassis.testing import FrozenClock
from relink_contracts.envelope import Tombstone, parse, read


async def test_an_event_reaches_its_handler_in_a_transaction_that_is_then_committed(stage) -> None:
    async def on_thing(event: Any, tx: Tx) -> None:
        await tx.execute("INSERT INTO things (id, seen) VALUES ($1, ARRAY[$2::bigint])", event.subject, event.sequence)

    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened)))
    async with stage.consuming(reacts(stage.Happened, on_thing)):
        await eventually(lambda: stage.has("SELECT FROM things WHERE id = 'thg_1' AND seen = '{1}'"))
        await eventually(stage.all_committed(1))


async def test_keys_run_side_by_side_and_each_key_in_order(stage) -> None:
    seen: dict[str, list[int]] = defaultdict(list)
    running = most = 0

    async def slowly(event: Any, tx: Tx) -> None:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        await asyncio.sleep(0.001 * (event.data.number % 7))
        seen[event.subject].append(event.data.number)
        running -= 1

    await produce(stage.kafka, *(said(a_thing(f"thg_{n % 10}", stage.Happened, number=n)) for n in range(300)))
    async with stage.consuming(knows(stage.Happened, slowly)):
        await eventually(lambda: sum(map(len, seen.values())) == 300)

    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert 1 < most <= stage.database.max_size - 2


async def test_a_redelivered_event_is_reacted_to_once_and_known_again(stage) -> None:
    reacting, knowing = Diary(), Diary()
    event = said(a_thing("thg_1", stage.Happened))
    labels = {"consumer": stage.service, "topic": stage.topic, "outcome": "duplicate"}
    await produce(stage.kafka, event, event)

    async with stage.consuming(reacts(stage.Happened, reacting)):
        await eventually(stage.all_committed(2))

    assert reacting.attempts == 1
    assert REGISTRY.get_sample_value("events_total", labels) == 1

    await produce(stage.kafka, event, event)
    async with stage.consuming(knows(stage.Happened, knowing)):
        await eventually(stage.all_committed(4))

    assert knowing.attempts == 2


async def test_knowing_and_reacting_to_one_type_happen_in_one_transaction(stage) -> None:
    knowing = Diary()

    async def fails_once(event: Any, tx: Tx) -> None:
        if knowing.attempts == 1:
            raise RuntimeError

    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened)))
    async with stage.consuming(knows(stage.Happened, knowing), reacts(stage.Happened, fails_once)):
        await eventually(stage.all_committed(1))

    assert knowing.attempts == 2
    assert await stage.dead_letters() == []


async def test_two_reactions_to_one_type_are_refused(stage) -> None:
    twice = [reacts(stage.Happened, Diary()), reacts(stage.Happened, Diary())]
    with pytest.raises(ValueError, match="two handlers react"):
        Consumer("stub", stage.database, stage.kafka, twice, FrozenClock, version="1")


async def test_events_that_are_handled_together_are_one_transaction_in_the_order_of_their_keys(stage) -> None:
    polls: list[list[tuple[str, int]]] = []

    async def on_things(events: Sequence[Any], tx: Tx) -> None:
        polls.append([(event.subject, event.data.number) for event in events])
        await tx.executemany("INSERT INTO things (id) VALUES ($1) ON CONFLICT DO NOTHING", [(polls[-1][0][0],)])

    things = [(f"thg_{number % 7}", number) for number in range(200)]
    await produce(stage.kafka, *(said(a_thing(name, stage.Happened, number=number)) for name, number in things))
    async with stage.consuming(knows_together(stage.Happened, on_things)):
        await eventually(stage.all_committed(200))

    assert [each for poll in polls for each in poll] == things
    assert len(polls) < 20
    assert await stage.has("SELECT FROM things WHERE id = 'thg_0'")


async def test_when_one_of_many_together_fails_each_is_handled_alone_and_only_that_one_is_put_aside(stage) -> None:
    alone = Diary()

    async def on_things(events: Sequence[Any], tx: Tx) -> None:
        await tx.executemany("INSERT INTO things (id) VALUES ($1)", [(event.subject,) for event in events])
        if any(event.data.number == 7 for event in events):
            raise RuntimeError
        await alone(events[0], tx)

    things = [said(a_thing(f"thg_{number}", stage.Happened, number=number)) for number in range(20)]
    await produce(stage.kafka, *things[:10], (stage.topic, b"k", b"{", []), *things[10:])
    async with stage.consuming(knows_together(stage.Happened, on_things)):
        await eventually(stage.all_committed(21))

    assert sorted(alone.numbers) == [number for number in range(20) if number != 7]
    assert sorted(dict(each.headers)["dlq-error-code"] for each in await stage.dead_letters()) == [
        b"no_envelope",
        b"unexpected",
    ]
    assert not await stage.has("SELECT FROM things WHERE id = 'thg_7'")


async def test_what_is_handled_together_shares_its_topic_with_no_other_handler(stage) -> None:
    both = [knows_together(stage.Happened, Diary()), knows(stage.Happened, Diary())]
    with pytest.raises(ValueError, match="nothing else is heard on its topic"):
        Consumer("stub", stage.database, stage.kafka, both, FrozenClock, version="1")


async def test_a_tombstone_reaches_its_handler_without_data(stage) -> None:
    diary = Diary()
    await produce(stage.kafka, said(Tombstone(stage.State, "thg_1", "thg_1", "biz_1")))

    async with stage.consuming(knows(stage.State, diary)):
        await eventually(lambda: diary.events)

    assert diary.events[0].data is None
    assert diary.events[0].subject == "thg_1"


async def test_state_topics_are_read_to_their_end_before_events_are_taken(stage) -> None:
    order: list[str] = []

    async def on_state(event: Any, tx: Tx) -> None:
        await asyncio.sleep(0.005)
        order.append("state")

    async def on_event(event: Any, tx: Tx) -> None:
        order.append("event")

    await produce(stage.kafka, *(said(a_thing(f"thg_{n}", stage.Happened)) for n in range(20)))
    await produce(stage.kafka, *(said(a_thing(f"thg_{n}", stage.State)) for n in range(200)))

    async with stage.consuming(knows(stage.State, on_state), knows(stage.Happened, on_event)) as consumer:
        assert not await consumer.is_ready()
        await eventually(lambda: order.count("event") == 20)
        assert await consumer.is_ready()

    assert order == ["state"] * 200 + ["event"] * 20


async def test_a_state_topic_with_nothing_new_does_not_hold_up_the_next_start(stage) -> None:
    diary = Diary()
    handlers = [knows(stage.State, Diary()), knows(stage.Happened, diary)]
    await produce(stage.kafka, said(a_thing("thg_1", stage.State)), said(a_thing("thg_1", stage.Happened, number=1)))
    async with stage.consuming(*handlers):
        await eventually(lambda: diary.numbers == [1])

    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened, number=2)))
    async with stage.consuming(*handlers):
        await eventually(lambda: diary.numbers == [1, 2])


async def test_a_stop_finishes_the_record_in_hand_and_commits_it(stage) -> None:
    begun, ended = asyncio.Event(), []

    async def slowly(event: Any, tx: Tx) -> None:
        begun.set()
        await asyncio.sleep(1)
        ended.append(event)

    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened)))
    async with stage.consuming(knows(stage.Happened, slowly)):
        await eventually(begun.is_set)

    assert len(ended) == 1
    assert await stage.committed() == 1


async def test_a_stop_does_not_wait_for_the_retries_of_a_failing_record(stage) -> None:
    diary = Diary(always=ConnectionRefusedError())
    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened)))

    async with stage.consuming(knows(stage.Happened, diary)):
        await eventually(lambda: diary.attempts)
        begun = time.monotonic()

    assert time.monotonic() - begun < 3
    assert await stage.committed() == 0


async def test_the_subscriber_still_has_the_lock_that_draining_stands_on(stage) -> None:
    """FastStream's inside: taken before the first await after records left the client, released after the commit."""
    held: list[bool] = []

    async def look(event: Any, tx: Tx) -> None:
        held.append(not consumer._groups[-1]._subscriber.lock.empty)

    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened)))
    async with stage.consuming(knows(stage.Happened, look)) as consumer:
        await eventually(lambda: held)
        await eventually(lambda: consumer._groups[-1]._subscriber.lock.empty)

    assert held == [True]


async def test_a_consumer_waits_for_a_broker_that_is_away(stage) -> None:
    consumer = Consumer(
        "stub", stage.database, "127.0.0.1:1", [knows(stage.Happened, Diary())], FrozenClock, version="1"
    )
    stopping = asyncio.Event()
    task = asyncio.create_task(consumer.run(stopping))
    await asyncio.sleep(2)
    assert not task.done()
    assert not await consumer.is_ready()
    stopping.set()
    await asyncio.wait_for(task, 10)


async def test_any_of_several_addresses_leads_a_consumer_to_the_brokers(stage) -> None:
    stage.kafka = f"127.0.0.1:1,{stage.kafka}"
    diary = Diary()
    await produce(stage.kafka, said(a_thing("thg_1", stage.Happened, number=1)))
    async with stage.consuming(knows(stage.Happened, diary)):
        await eventually(lambda: diary.numbers == [1])


async def test_a_tail_hears_what_is_said_from_now_on_and_some_topics_from_their_beginning(stage) -> None:
    heard: list[Any] = []
    types = {event.TYPE: event for event in (stage.Happened, stage.State)}

    def decode(record: Any) -> Any:
        envelope = parse(record)
        return read(envelope, types[envelope.type], received_at=envelope.time)

    async def on_event(event: Any) -> None:
        heard.append((event.type, event.data.number))

    await produce(
        stage.kafka, said(a_thing("thg_1", stage.Happened, number=1)), said(a_thing("thg_1", stage.State, number=2))
    )
    topics = [stage.topic, stage.state_topic]
    caught_up = asyncio.Event()
    hearing = tail(
        stage.kafka, topics, on_event, decode=decode, from_beginning_topics=[stage.state_topic], caught_up=caught_up
    )
    task = asyncio.create_task(hearing)
    await asyncio.wait_for(caught_up.wait(), 20)
    assert heard == [("relink.thing.state.v1", 2)]
    await produce(stage.kafka, (stage.topic, b"k", b"{", []), said(a_thing("thg_1", stage.Happened, number=3)))
    await eventually(lambda: len(heard) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert heard == [("relink.thing.state.v1", 2), ("relink.thing.happened.v1", 3)]
