"""Whether the promise agrees with itself: models, topic files, schemas and examples."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from relink_contracts.decode import decode
from relink_contracts.envelope import EventData, Undecodable, UnknownType, schema_name
from relink_contracts.fields import Pii
from relink_contracts.generate import schema_of
from relink_contracts.testing import read_example
from relink_contracts.topics import Topic

_REFUSED_PII: Final = frozenset({Pii.PERSONAL.value, Pii.SECRET.value})


class Effect(StrEnum):
    BREAKS = "breaks"
    BENIGN = "benign"


@dataclass(frozen=True)
class Finding:
    """One thing that changed or is not in order. `deploy_first` names consumers that must know before it is said."""

    effect: Effect
    where: str
    what: str
    deploy_first: tuple[str, ...] = ()

    def __str__(self) -> str:
        order = f" (deploy first: {', '.join(self.deploy_first)})" if self.deploy_first else ""
        return f"{self.effect}: {self.where}: {self.what}{order}"


def breaks(where: str, what: str) -> Finding:
    return Finding(Effect.BREAKS, where, what)


def check_events(events: dict[str, type[EventData]]) -> Iterator[Finding]:
    """No field may be marked as a person's or as secret."""
    for event in events.values():
        for where, mark in _pii_marks(event.TYPE, schema_of(event)):
            if mark in _REFUSED_PII:
                yield breaks(where, f"a field marked x-pii: {mark} has no place in an event")


def _pii_marks(where: str, node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for part in node:
            yield from _pii_marks(where, part)
    elif isinstance(node, dict):
        if isinstance(node.get("x-pii"), str):
            yield where, node["x-pii"]
        for name, part in node.items():
            yield from _pii_marks(where if name in ("properties", "$defs") else f"{where}.{name}", part)


def unreadable(problem: ValidationError) -> Iterator[Finding]:
    """What is wrong in a topic file that could not be loaded."""
    for error in problem.errors(include_url=False, include_input=False):
        yield breaks("topics", f"{'.'.join(map(str, error['loc']))}: {error['msg']}")


def check_topics(all_topics: list[Topic], events: dict[str, type[EventData]]) -> Iterator[Finding]:
    """The topic files agree with the events."""
    placed = {name: topic.name for topic in all_topics for name in topic.types}
    for name, topic_name in placed.items():
        if name not in events:
            yield breaks(topic_name, f"names {name}, which no class states")
    for name, event in events.items():
        if placed.get(name) != event.TOPIC:
            yield breaks(name, f"says it lives on {event.TOPIC}, the topic files say {placed.get(name, 'nowhere')}")


def check_schemas(folder: Path, events: dict[str, type[EventData]]) -> Iterator[Finding]:
    """Every schema file belongs to an event, in a version that it had."""
    for file in sorted(folder.rglob("*.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        event = events.get(schema.get("x-type", ""))
        if event is None or file.parent.name != schema_name(event) or _version(file.stem) > _version(event.VERSION):
            yield breaks(str(file.relative_to(folder.parent)), "orphan schema: no event has that type and version")


def _version(text: str) -> list[int]:
    return [int(part) for part in text.split(".")]


def check_examples(folder: Path, events: dict[str, type[EventData]]) -> Iterator[Finding]:
    """Every event has an example of its present version, and every example there ever was parses."""
    shown = set()
    for file in sorted(folder.rglob("*.json")):
        name, version = file.parent.parent.name, file.parent.name
        where = str(file.relative_to(folder.parent))
        owners = [e for e in events.values() if schema_name(e) == name and _version(version) <= _version(e.VERSION)]
        if not owners:
            yield breaks(where, "orphan example: no event has that type and version")
            continue
        shown.add((name, version))
        try:
            decode(read_example(file))
        except (Undecodable, UnknownType) as problem:
            yield breaks(where, f"does not parse: {problem}")
    for event in events.values():
        if (schema_name(event), event.VERSION) not in shown:
            yield breaks(event.TYPE, f"has no example of version {event.VERSION}")
