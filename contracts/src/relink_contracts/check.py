"""Compares the promise with the last release, and with itself.

    python -m relink_contracts.check              print what changed; exit 1 when something breaks the promise
    python -m relink_contracts.check --release    keep the present promise as the last release

A release is a copy of `schemas/`, `examples/` and `topics/` under `released/`. What cannot be seen here: a field whose
meaning changed while its shape stayed.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from relink_contracts import topics
from relink_contracts.consistency import (
    Effect,
    Finding,
    breaks,
    check_events,
    check_examples,
    check_schemas,
    check_topics,
    unreadable,
)
from relink_contracts.envelope import EventData
from relink_contracts.events import EVENTS
from relink_contracts.generate import CONTRACTS, schema_of
from relink_contracts.topics import Topic

Schema = dict[str, Any]
_PROMISED: Final = ("schemas", "examples", "topics")
_CONSTRAINTS: Final = (
    "enum",
    "const",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
)


def compare_schemas(name: str, old: Schema, new: Schema, *, heard_by: tuple[str, ...]) -> Iterator[Finding]:
    """What a change of one event's schema does to those who hear it, and to the records that are already written."""
    if old.get("x-topic") != new.get("x-topic"):
        yield breaks(name, f"moved from {old.get('x-topic')} to {new.get('x-topic')}")
    findings = list(_compare(name, _Node(old, old), _Node(new, new), heard_by))
    if old != new and old.get("$id") == new.get("$id"):
        yield breaks(name, f"differs from the released {old.get('$id')} under the same version")
    yield from findings


@dataclass(frozen=True)
class _Node:
    """One place in a schema, with the whole for its references."""

    schema: Schema
    whole: Schema

    def resolved(self) -> "_Node":
        reference = self.schema.get("$ref")
        if reference is None:
            return self
        target = self.whole["$defs"][reference.rsplit("/", 1)[-1]]
        return _Node({**target, **{key: value for key, value in self.schema.items() if key != "$ref"}}, self.whole)

    def alternatives(self) -> list["_Node"]:
        node = self.resolved()
        return [_Node(part, self.whole).resolved() for part in node.schema.get("anyOf", [node.schema])]

    def types(self) -> set[str]:
        return {f"{a.schema.get('type', 'any')} {a.schema.get('format', '')}".strip() for a in self.alternatives()}

    def value(self) -> "_Node":
        """The alternative that is not null."""
        return next((a for a in self.alternatives() if a.schema.get("type") != "null"), self.resolved())


def _compare(where: str, old: _Node, new: _Node, heard_by: tuple[str, ...]) -> Iterator[Finding]:
    if old.types() != new.types():
        verb = "narrowed" if new.types() < old.types() else "retyped"
        yield breaks(where, f"{verb} from {_or(old.types())} to {_or(new.types())}")
        return
    was, now = old.value(), new.value()
    for constraint in _CONSTRAINTS:
        if constraint in now.schema and now.schema[constraint] != was.schema.get(constraint):
            yield breaks(where, f"narrowed: {constraint} is now {now.schema[constraint]}")
    yield from _compare_values(where, was.schema, now.schema, heard_by)
    yield from _compare_properties(where, was, now, heard_by)
    for inner in ("items", "additionalProperties"):
        if isinstance(was.schema.get(inner), dict) and isinstance(now.schema.get(inner), dict):
            old_inner, new_inner = _Node(was.schema[inner], old.whole), _Node(now.schema[inner], new.whole)
            yield from _compare(f"{where}[]", old_inner, new_inner, heard_by)


def _compare_values(where: str, old: Schema, new: Schema, heard_by: tuple[str, ...]) -> Iterator[Finding]:
    before, after = old.get("x-extensible-enum"), new.get("x-extensible-enum")
    if before is None:
        if after is not None:
            yield breaks(where, f"narrowed: only {_or(after)} from now on")
        return
    if gone := [value for value in before if value not in (after or [])]:
        yield breaks(where, f"narrowed: {_or(gone)} removed")
    if added := [value for value in (after or []) if value not in before]:
        yield Finding(Effect.BENIGN, where, f"new value {_or(added)}", heard_by)


def _compare_properties(where: str, old: _Node, new: _Node, heard_by: tuple[str, ...]) -> Iterator[Finding]:
    before, after = old.schema.get("properties", {}), new.schema.get("properties", {})
    needed_before, needed_after = set(old.schema.get("required", [])), set(new.schema.get("required", []))
    added = [name for name in after if name not in before]
    for name in before:
        if name not in after:
            twins = [other for other in added if after[other] == before[name]]
            yield breaks(f"{where}.{name}", f"renamed to {_or(twins)}" if twins else "removed")
            continue
        if name in needed_after - needed_before:
            yield breaks(f"{where}.{name}", "newly required: what is already written may lack it")
        if name in needed_before - needed_after:
            yield breaks(f"{where}.{name}", "no longer required: who hears it counts on it")
        yield from _compare(f"{where}.{name}", _Node(before[name], old.whole), _Node(after[name], new.whole), heard_by)
    for name in added:
        if name in needed_after:
            yield breaks(f"{where}.{name}", "added as required: what is already written lacks it")
        else:
            yield Finding(Effect.BENIGN, f"{where}.{name}", "added, optional")


def _or(values: Any) -> str:
    return " or ".join(sorted(map(str, values)))


def compare_topics(old: list[Topic], new: list[Topic]) -> Iterator[Finding]:
    """What a change of the topic files does to records and consumers that are there."""
    now = {topic.name: topic for topic in new}
    for was in old:
        topic = now.get(was.name)
        if topic is None:
            yield breaks(was.name, "the topic was removed")
            continue
        for promise in ("key", "partitions", "cleanup"):
            if getattr(topic, promise) != getattr(was, promise):
                yield breaks(was.name, f"{promise} changed: a new order of records is a v2")
        for name in was.types:
            if name not in topic.types:
                yield breaks(was.name, f"{name} is said here no longer")


def compare_with_release(root: Path, new_topics: list[Topic], events: dict[str, type[EventData]]) -> Iterator[Finding]:
    """Everything that differs from `root/released`; nothing before the first release."""
    released = root / "released"
    if not released.is_dir():
        return
    heard_by = {name: services for topic in new_topics for name, services in topic.types.items()}
    for event_type, schema in _latest_schemas(released / "schemas").items():
        if event_type in events:
            new = schema_of(events[event_type])
            yield from compare_schemas(event_type, schema, new, heard_by=heard_by.get(event_type, ()))
        else:
            yield breaks(event_type, "the event was removed")
    yield from compare_topics(topics.load(released / "topics"), new_topics)
    for old in sorted((released / "examples").rglob("*.json")):
        example = root / "examples" / old.relative_to(released / "examples")
        if not example.is_file() or example.read_bytes() != old.read_bytes():
            yield breaks(str(example.relative_to(root)), "a released example was edited or removed")


def _latest_schemas(folder: Path) -> dict[str, Schema]:
    """The highest version of each type, so of each major, in a folder of schemas."""
    schemas = [json.loads(file.read_text(encoding="utf-8")) for file in folder.rglob("*.json")]
    schemas.sort(key=lambda schema: [int(part) for part in Path(schema["$id"]).stem.split(".")])
    return {schema["x-type"]: schema for schema in schemas}


def check(root: Path, events: dict[str, type[EventData]]) -> list[Finding]:
    """Everything that is to be said about the promise in `root`."""
    try:
        all_topics = topics.load(root / "topics")
    except ValidationError as problem:
        return list(unreadable(problem))
    return [
        *check_topics(all_topics, events),
        *check_events(events),
        *check_schemas(root / "schemas", events),
        *check_examples(root / "examples", events),
        *compare_with_release(root, all_topics, events),
    ]


def release(root: Path) -> None:
    """Keep the present promise as the last release."""
    for part in _PROMISED:
        shutil.copytree(root / part, root / "released" / part, dirs_exist_ok=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m relink_contracts.check")
    parser.add_argument("--release", action="store_true", help="keep the present promise as the last release")
    wanted = parser.parse_args(arguments)
    findings = check(CONTRACTS, EVENTS)
    for finding in findings:
        print(finding)  # noqa: T201 - a command's answer
    if any(finding.effect is Effect.BREAKS for finding in findings):
        return 1
    if wanted.release:
        release(CONTRACTS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
