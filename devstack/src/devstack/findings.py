"""What a long play is judged by: its findings, and those about events, databases and dead letters that each has."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import asyncpg

from devstack.demo.evidence import Topics
from devstack.demo.show import Storyteller
from devstack.environments import SERVICES
from devstack.stack import Stack
from relink_contracts.envelope import EventData, Received
from relink_contracts.events import EVENTS
from relink_contracts.topics import load

SPEAKERS: Final = tuple(service for service in SERVICES if service != "web-svc")
READ_SECONDS: Final = 3.0
"""So long without another record is the end of the topics."""
_OWNED = "SELECT id, lifecycle, generation FROM connections WHERE generation > 0"
_PICTURES: Final = {
    "sync-svc": "SELECT id, lifecycle, generation FROM connections",
    "publish-svc": "SELECT id, lifecycle, generation FROM connections",
    "notifier-svc": "SELECT connection_id AS id, lifecycle, generation FROM connections",
}
_ENTRIES = "SELECT connection_id, list, external_id, list_version FROM entries WHERE NOT gone"


class Wanted(StrEnum):
    """How many of something there are to be."""

    NONE = "none"
    SOME = "some"
    ANY = "any"


@dataclass(frozen=True)
class Finding:
    """One line of the verdict: what was counted, and how many of it there are to be."""

    what: str
    count: int
    wanted: Wanted = Wanted.NONE

    @property
    def holds(self) -> bool:
        return self.wanted is Wanted.ANY or (self.count > 0) is (self.wanted is Wanted.SOME)


def tell(findings: Sequence[Finding], show: Storyteller, title: str) -> None:
    rows = [
        ["[green]ok[/]" if each.holds else "[bold red]NOT OK[/]", each.what, str(each.count), each.wanted]
        for each in findings
    ]
    show.table(title, ["", "What", "Found", "Wanted"], rows)


@dataclass(frozen=True)
class Databases:
    """The services' own databases, each by its service's name."""

    stack: Stack

    async def rows(self, service: str, query: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.stack.database_url(service), timeout=10)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    async def left_to_do(self, questions: Mapping[str, str]) -> dict[str, int]:
        """What is still on its way, by service; empty once the system has come to rest.

        `questions` count what each service still has to do; events that are to be said, and pictures, always count.
        """
        left: Counter[str] = Counter()
        for service in SPEAKERS:
            left[f"{service}: to say"] = (await self.rows(service, "SELECT count(*) FROM outbox"))[0][0]
        for service, query in questions.items():
            left[f"{service}: to do"] = (await self.rows(service, query))[0][0]
        left["pictures"] = len(await self.pictures_that_differ())
        return {what: count for what, count in left.items() if count}

    async def pictures_that_differ(self) -> set[tuple[Any, ...]]:
        """Rows in which a service knows something else of a connection, or of a list, than its owner."""
        owned = set(await self.rows("connection-svc", _OWNED))
        differing = set().union(*[owned ^ set(await self.rows(*picture)) for picture in _PICTURES.items()])
        read, known = await self.rows("sync-svc", _ENTRIES), await self.rows("list-svc", _ENTRIES)
        return differing | (set(read) ^ set(known))


def read_topics(kafka: str) -> Topics:
    """Everything that was said on the public topics so far."""
    topics = Topics(kafka, [topic.name for topic in load() if topic.visibility != "private"])
    with contextlib.closing(topics):
        topics.read_on(READ_SECONDS)
    return topics


async def events(topics: Topics, databases: Databases) -> list[Finding]:
    """Every number that an outbox gave is on a topic, and of each entity the first deliveries ascend."""
    given: dict[tuple[str, str], int] = {}
    for service in SPEAKERS:
        rows = await databases.rows(service, "SELECT aggregatetype, aggregateid, last FROM outbox_sequences")
        given |= {(kind, entity): last for kind, entity, last in rows}
    said: dict[tuple[str, str], set[int]] = defaultdict(set)
    for event in topics.events:
        said[EVENTS[event.type].AGGREGATE, event.subject].add(event.sequence)
    return [
        Finding("events said", sum(given.values()), Wanted.SOME),
        Finding("events lost", sum(len(set(range(1, last + 1)) - said[entity]) for entity, last in given.items())),
        Finding("events out of order", overtaken(topics.events)),
        Finding("events sent again", len(topics.events) - len({event.id for event in topics.events}), Wanted.ANY),
    ]


def overtaken(delivered: Iterable[Received[EventData]]) -> int:
    """How many first deliveries came after one of a later number of the same entity on the same topic."""
    seen: dict[tuple[str, str], set[int]] = defaultdict(set)
    overtaken = 0
    for event in delivered:
        earlier = seen[event.topic, event.subject]
        overtaken += event.sequence not in earlier and event.sequence < max(earlier, default=0)
        earlier.add(event.sequence)
    return overtaken


def dead_letters(records: Mapping[str, tuple[int, int]]) -> Finding:
    """`records` says of each topic how many partitions and records it has."""
    return Finding("dead letters", sum(count for topic, (_, count) in records.items() if topic.endswith(".dlq")))
