"""Each test plants one violation into a copy of the promise and expects to be told about it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pydantic import Field

from relink_contracts.check import check, release
from relink_contracts.consistency import Effect, Finding
from relink_contracts.envelope import EventData
from relink_contracts.events import EVENTS, ConnectionExpired, ItemPublishFailed
from relink_contracts.fields import OneOf, Pii, UtcTime, marked
from relink_contracts.generate import CONTRACTS, asyncapi, files, stale, write
from relink_contracts.topics import load

HEARD_BY = ("publish-svc", "sync-svc", "notifier-svc", "web-svc")
Schema = dict[str, Any]


@pytest.fixture
def promise(tmp_path: Path) -> Path:
    """The present promise, released as it is."""
    for part in ("schemas", "examples", "topics"):
        shutil.copytree(CONTRACTS / part, tmp_path / part)
    release(tmp_path)
    return tmp_path


def with_released_schema(promise: Path, event: type[EventData], change: Callable[[Schema], None]) -> list[Finding]:
    """What is found when the released schema differed from the present one by `change`."""
    name = event.TYPE.removeprefix("relink.").removesuffix(".v1")
    file = promise / "released" / "schemas" / name / "1.0.0.json"
    schema = json.loads(file.read_text())
    change(schema)
    schema["$id"] = schema["$id"].replace("1.0.0", "0.9.0")
    file.write_text(json.dumps(schema))
    return check(promise, EVENTS)


def with_event(promise: Path, event: type[EventData]) -> list[Finding]:
    """What is found when `event` is the class for its type now."""
    return check(promise, {**EVENTS, event.TYPE: event})


def sentences(findings: list[Finding], effect: Effect = Effect.BREAKS) -> list[str]:
    return [str(finding) for finding in findings if finding.effect is effect]


def test_the_promise_as_it_stands_is_kept() -> None:
    assert check(CONTRACTS, EVENTS) == []


def test_a_promise_equal_to_its_release_has_nothing_to_tell(promise: Path) -> None:
    assert check(promise, EVENTS) == []


def test_a_removed_field_breaks(promise: Path) -> None:
    def had_one_more(schema: Schema) -> None:
        schema["properties"]["colour"] = {"type": "integer"}

    assert sentences(with_released_schema(promise, ConnectionExpired, had_one_more)) == [
        "breaks: relink.connection.expired.v1.colour: removed"
    ]


def test_a_renamed_field_breaks_and_the_new_name_is_told(promise: Path) -> None:
    def was_called_ended_at(schema: Schema) -> None:
        properties = schema["properties"]
        properties["ended_at"] = properties.pop("expired_at")
        schema["required"].remove("expired_at")

    assert "breaks: relink.connection.expired.v1.ended_at: renamed to expired_at" in sentences(
        with_released_schema(promise, ConnectionExpired, was_called_ended_at)
    )


def test_a_retyped_field_breaks(promise: Path) -> None:
    def was_a_text(schema: Schema) -> None:
        schema["properties"]["generation"]["type"] = "string"

    assert sentences(with_released_schema(promise, ConnectionExpired, was_a_text)) == [
        "breaks: relink.connection.expired.v1.generation: retyped from string to integer"
    ]


def test_a_field_that_may_no_longer_be_null_is_narrowed(promise: Path) -> None:
    def could_be_null(schema: Schema) -> None:
        schema["properties"]["reason"] = {"anyOf": [schema["properties"]["reason"], {"type": "null"}]}

    assert sentences(with_released_schema(promise, ConnectionExpired, could_be_null)) == [
        "breaks: relink.connection.expired.v1.reason: narrowed from null or string to string"
    ]


def test_a_value_taken_from_a_growing_set_is_narrowed(promise: Path) -> None:
    def knew_one_more(schema: Schema) -> None:
        schema["properties"]["reason"]["x-extensible-enum"].append("provider_closed")

    assert sentences(with_released_schema(promise, ConnectionExpired, knew_one_more)) == [
        "breaks: relink.connection.expired.v1.reason: narrowed: provider_closed removed"
    ]


def test_a_new_limit_is_narrowed(promise: Path) -> None:
    class Shorter(ItemPublishFailed):
        VERSION: ClassVar[str] = "1.1.0"
        code: str = Field(max_length=10)

    assert "breaks: relink.item.publish-failed.v1.code: narrowed: maxLength is now 10" in sentences(
        with_event(promise, Shorter)
    )


def test_a_part_deep_inside_is_compared_too(promise: Path) -> None:
    def actor_had_a_name(schema: Schema) -> None:
        schema["$defs"]["Actor"]["properties"]["name"] = {"type": "string"}

    assert sentences(with_released_schema(promise, ConnectionExpired, actor_had_a_name)) == [
        "breaks: relink.connection.expired.v1.actor.name: removed"
    ]


def test_a_newly_required_field_breaks(promise: Path) -> None:
    def was_optional(schema: Schema) -> None:
        schema["required"].remove("detected_by")

    assert sentences(with_released_schema(promise, ConnectionExpired, was_optional)) == [
        "breaks: relink.connection.expired.v1.detected_by: newly required: what is already written may lack it"
    ]


def test_a_required_field_that_was_not_there_before_breaks(promise: Path) -> None:
    def did_not_have_it(schema: Schema) -> None:
        del schema["properties"]["detected_by"]
        schema["required"].remove("detected_by")

    assert sentences(with_released_schema(promise, ConnectionExpired, did_not_have_it)) == [
        "breaks: relink.connection.expired.v1.detected_by: added as required: what is already written lacks it"
    ]


def test_a_new_optional_field_is_benign(promise: Path) -> None:
    class Grown(ConnectionExpired):
        """The provider or the calendar no longer accepts us; only the customer can mend it."""

        VERSION: ClassVar[str] = "1.1.0"
        noticed_at: UtcTime | None = None

    findings = with_event(promise, Grown)

    assert sentences(findings, Effect.BENIGN) == ["benign: relink.connection.expired.v1.noticed_at: added, optional"]
    assert sentences(findings) == ["breaks: relink.connection.expired.v1: has no example of version 1.1.0"]


def test_a_new_value_is_benign_once_those_who_hear_it_are_deployed(promise: Path) -> None:
    def knew_one_less(schema: Schema) -> None:
        schema["properties"]["reason"]["x-extensible-enum"].remove("grant_revoked")

    findings = with_released_schema(promise, ConnectionExpired, knew_one_less)

    assert [(str(finding.effect), finding.deploy_first) for finding in findings] == [("benign", HEARD_BY)]
    assert str(findings[0]).endswith("(deploy first: publish-svc, sync-svc, notifier-svc, web-svc)")


def test_a_change_under_the_same_version_breaks(promise: Path) -> None:
    class Reworded(ConnectionExpired):
        """It is over."""

    (told,) = sentences(with_event(promise, Reworded))

    assert told.startswith("breaks: relink.connection.expired.v1: differs from the released https://")
    assert told.endswith("/connection.expired/1.0.0.json under the same version")


def test_a_removed_event_breaks(promise: Path) -> None:
    remaining = {name: event for name, event in EVENTS.items() if event is not ConnectionExpired}

    assert "breaks: relink.connection.expired.v1: the event was removed" in sentences(check(promise, remaining))


@pytest.mark.parametrize("mark", [Pii.SECRET, Pii.PERSONAL])
def test_a_field_marked_secret_or_personal_is_refused(promise: Path, mark: Pii) -> None:
    class Leaking(ConnectionExpired):
        VERSION: ClassVar[str] = "1.1.0"
        link: Annotated[str, marked(mark)] | None = None

    told = sentences(with_event(promise, Leaking))

    assert any(f"a field marked x-pii: {mark} has no place in an event" in sentence for sentence in told)


def test_an_orphan_schema_is_told(promise: Path) -> None:
    orphan = promise / "schemas" / "connection.dreamt" / "1.0.0.json"
    orphan.parent.mkdir()
    orphan.write_text(json.dumps({"x-type": "relink.connection.dreamt.v1"}))

    assert sentences(check(promise, EVENTS)) == [
        "breaks: schemas/connection.dreamt/1.0.0.json: orphan schema: no event has that type and version"
    ]


@pytest.mark.parametrize("place", ["connection.dreamt/1.0.0", "connection.expired/1.4.0"])
def test_an_orphan_example_is_told(promise: Path, place: str) -> None:
    orphan = promise / "examples" / place / "example.json"
    orphan.parent.mkdir(parents=True)
    shutil.copy(promise / "examples/connection.expired/1.0.0/consent-lapsed.json", orphan)

    assert sentences(check(promise, EVENTS)) == [
        f"breaks: examples/{place}/example.json: orphan example: no event has that type and version"
    ]


def test_an_example_that_does_not_parse_is_told(promise: Path) -> None:
    example = promise / "examples/connection.expired/1.0.0/consent-lapsed.json"
    example.write_text(example.read_text().replace('"generation": 1', '"generation": "one"'))

    told = sentences(check(promise, EVENTS))

    assert any("consent-lapsed.json: does not parse: data_invalid: generation" in sentence for sentence in told)
    assert any("a released example was edited or removed" in sentence for sentence in told)


def test_an_event_without_an_example_is_told(promise: Path) -> None:
    shutil.rmtree(promise / "examples" / "rule.state")

    assert "breaks: relink.rule.state.v1: has no example of version 1.0.0" in sentences(check(promise, EVENTS))


def test_a_misspelt_key_in_a_topic_file_is_told(promise: Path) -> None:
    file = promise / "topics" / "accounting.rule.state.v1.yaml"
    file.write_text(file.read_text().replace("partitions: 12", "partions: 12"))

    told = sentences(check(promise, EVENTS))

    assert "breaks: topics: partitions: Field required" in told
    assert "breaks: topics: partions: Extra inputs are not permitted" in told


def test_an_event_missing_from_the_topic_files_is_told(promise: Path) -> None:
    file = promise / "topics" / "accounting.rule.state.v1.yaml"
    file.write_text(file.read_text().replace("relink.rule.state.v1:", "relink.rules.state.v1:"))

    told = sentences(check(promise, EVENTS))

    assert "breaks: accounting.rule.state.v1: names relink.rules.state.v1, which no class states" in told
    assert any("the topic files say nowhere" in sentence for sentence in told)


@pytest.mark.parametrize(("before", "after"), [("partitions: 12", "partitions: 24"), ("{rule_id}", "{business_id}")])
def test_a_new_order_of_records_on_a_topic_breaks(promise: Path, before: str, after: str) -> None:
    file = promise / "topics" / "accounting.rule.state.v1.yaml"
    file.write_text(file.read_text().replace(before, after))

    assert [s for s in sentences(check(promise, EVENTS)) if "a new order of records is a v2" in s]


def test_a_removed_topic_breaks(promise: Path) -> None:
    (promise / "topics" / "list-svc.dlq.yaml").unlink()

    assert sentences(check(promise, EVENTS)) == ["breaks: list-svc.dlq: the topic was removed"]


def test_a_growing_set_may_hold_numbers() -> None:
    assert OneOf(30, 14, 7, 1).values == (30, 14, 7, 1)


def test_the_generated_files_are_fresh() -> None:
    assert stale(CONTRACTS) == []


def test_a_generated_file_that_was_edited_is_stale(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "topics.md").write_text("edited")
    (tmp_path / "schemas/rule.state/1.0.0.json").unlink()

    assert sorted(map(str, stale(tmp_path))) == ["schemas/rule.state/1.0.0.json", "topics.md"]


@pytest.mark.parametrize(
    "path", [path for path in files() if path.suffix == ".json"], ids=lambda path: path.parent.name
)
def test_every_schema_is_a_json_schema_that_takes_the_examples_and_nothing_empty(path: Path) -> None:
    schema = json.loads((CONTRACTS / path).read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    shown = [json.loads(file.read_text()) for file in (CONTRACTS / "examples" / path.parent.name).rglob("*.json")]

    for example in shown:
        if example["value"] is not None:
            validator.validate(example["value"])
    with pytest.raises(ValidationError):
        validator.validate({})


def test_asyncapi_refers_only_to_what_is_there() -> None:
    described = asyncapi(load(), EVENTS)

    for reference in references(described):
        if reference.startswith("#/"):
            node: Any = described
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]
        else:
            assert (CONTRACTS / reference).is_file()
    assert set(described["components"]["messages"]) == {event.__name__ for event in EVENTS.values()}


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for part in node for found in references(part)]
    if not isinstance(node, dict):
        return []
    return [part for name, part in node.items() if name == "$ref"] + references(list(node.values()))
