import re
from itertools import pairwise

import pytest

from relink_contracts import decode, events
from relink_contracts.envelope import EventData, is_state
from relink_contracts.events import EVENTS
from relink_contracts.testing import a, record_of
from relink_contracts.topics import Topic, load

EVERY_EVENT = pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: event.__name__)
TOPICS = {topic.name: topic for topic in load()}
DEAD_LETTERS = [topic for topic in TOPICS.values() if topic.visibility == "private"]


def every_subclass(base: type[EventData]) -> set[type[EventData]]:
    return {base}.union(*(every_subclass(below) for below in base.__subclasses__()))


def test_every_class_that_states_a_type_is_in_the_catalogue() -> None:
    stated = {
        event
        for event in every_subclass(EventData)
        if "TYPE" in vars(event) and event.__module__.startswith("relink_contracts.")
    }

    assert stated == set(EVENTS.values())


@EVERY_EVENT
def test_the_class_name_gives_the_type(event: type[EventData]) -> None:
    entity, *rest = event.TYPE.removeprefix("relink.").removesuffix(".v1").split(".")
    words = "".join(word.capitalize() for word in "-".join([entity, *rest]).split("-"))

    assert event.__name__ in (words, words.removesuffix("State"))


@EVERY_EVENT
def test_every_event_survives_the_journey_through_a_record(event: type[EventData]) -> None:
    assert decode(record_of(a(event))).data == a(event)


@EVERY_EVENT
def test_the_record_is_keyed_as_its_topic_file_says(event: type[EventData]) -> None:
    said = a(event)
    fields = {**said.model_dump(by_alias=True), "actor_id": said.actor.id}
    if isinstance(said, events.Mapping):
        fields |= {"list": said.from_.list, "external_id": said.from_.external_id}

    assert said.key() == TOPICS[event.TOPIC].key.format(**fields)


@EVERY_EVENT
def test_every_event_says_in_a_sentence_what_happened(event: type[EventData]) -> None:
    assert re.match(r"[A-Z].+\.", event.__doc__ or "")


def test_only_compacted_topics_hold_state() -> None:
    states = {event.TOPIC for event in EVENTS.values() if is_state(event)}

    assert states == {topic.name for topic in TOPICS.values() if topic.cleanup == "compact"}


def test_every_connection_event_carries_the_state_after_the_change() -> None:
    common = {
        "business_id",
        "actor",
        "connection_id",
        "lifecycle",
        "generation",
        "consent_expires_at",
        "settings_version",
    }
    on_connections = [event for event in EVENTS.values() if event.AGGREGATE == "connection"]

    assert len(on_connections) == 14
    assert [event.__name__ for event in on_connections if not common <= set(event.model_fields)] == []


def test_every_item_event_carries_the_state_after_the_change() -> None:
    common = {"business_id", "actor", "item_id", "connection_id", "status", "reason"}
    on_items = [event for event in EVENTS.values() if event.AGGREGATE == "item"]

    assert len(on_items) == 8
    assert [event.__name__ for event in on_items if not common <= set(event.model_fields)] == []


def test_every_consumer_but_the_pages_has_a_dead_letter_topic() -> None:
    consumers = {name for topic in TOPICS.values() for name in topic.consumers}

    assert {topic.name for topic in DEAD_LETTERS} == {f"{name}.dlq" for name in consumers - {"web-svc"}}


@pytest.mark.parametrize("dead_letters", DEAD_LETTERS, ids=lambda topic: topic.name)
def test_dead_letters_are_kept_twice_as_long_as_the_longest_source(dead_letters: Topic) -> None:
    sources = [
        topic for topic in TOPICS.values() if dead_letters.owner in topic.consumers and topic not in DEAD_LETTERS
    ]

    assert dead_letters.retention_days == 2 * max(topic.retention_days or 0 for topic in sources)
    assert dead_letters.max_record_bytes > max(topic.max_record_bytes for topic in sources)


def test_the_topic_settings_for_kafka_follow_the_file() -> None:
    assert TOPICS["accounting.sync.events.v1"].kafka_config == {
        "cleanup.policy": "delete",
        "max.message.bytes": "1048588",
        "retention.ms": "2592000000",
    }
    assert TOPICS["accounting.rule.state.v1"].kafka_config == {
        "cleanup.policy": "compact",
        "max.message.bytes": "1048588",
        "delete.retention.ms": "2592000000",
    }


def test_topic_names_follow_the_rule() -> None:
    names = [topic.name for topic in TOPICS.values() if topic not in DEAD_LETTERS]

    assert [name for name in names if not re.fullmatch(r"[a-z]+\.[a-z-]+\.(events|state|commands)\.v\d+", name)] == []
    assert all(first < second for first, second in pairwise(TOPICS))
