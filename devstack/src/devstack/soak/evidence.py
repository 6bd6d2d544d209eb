"""What the soak believes: the providers' documents, the topics, the mail box, and the databases against each other."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from typing import Any, Final

import asyncpg

from devstack.demo.evidence import Practice, Topics, judge, mails, of_stage
from devstack.environments import SERVICES
from devstack.soak.customers import ADDRESSES, Customer, answered
from devstack.stack import Stack
from devstack.topics import records_per_topic
from relink_contracts.envelope import EventData, Received
from relink_contracts.events import (
    EVENTS,
    ConnectionExpired,
    ItemPublished,
    ReconnectRequested,
    SyncCompleted,
    SyncFailed,
)
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
_NOTICES = """SELECT connection_id, generation, recipient, channel FROM notices
    WHERE stage = 'expired' AND state = 'sent'"""
_TO_DO: Final = {
    "publish-svc": "SELECT count(*) FROM items WHERE status NOT IN ('published', 'failed', 'review', 'archived')",
    "sync-svc": "SELECT count(*) FROM runs WHERE state IN ('waiting', 'running')",
    "notifier-svc": "SELECT count(*) FROM notices WHERE state = 'due'",
    "connection-svc": "SELECT count(*) FROM connections WHERE lifecycle IN ('expired', 'revoked')",
}


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

    async def left_to_do(self) -> dict[str, int]:
        """What is still on its way, by service; empty once the system has come to rest."""
        left: Counter[str] = Counter()
        for service in SPEAKERS:
            left[f"{service}: to say"] = (await self.rows(service, "SELECT count(*) FROM outbox"))[0][0]
        for service, query in _TO_DO.items():
            left[f"{service}: to do"] = (await self.rows(service, query))[0][0]
        left["pictures"] = len(await self.pictures_that_differ())
        return {what: count for what, count in left.items() if count}

    async def pictures_that_differ(self) -> set[tuple[Any, ...]]:
        """Rows in which a service knows something else of a connection, or of a list, than its owner."""
        owned = set(await self.rows("connection-svc", _OWNED))
        differing = set().union(*[owned ^ set(await self.rows(*picture)) for picture in _PICTURES.items()])
        read, known = await self.rows("sync-svc", _ENTRIES), await self.rows("list-svc", _ENTRIES)
        return differing | (set(read) ^ set(known))


async def look(stack: Stack, customers: Sequence[Customer], practice: Practice) -> list[Finding]:
    """Everything, once the system has come to rest."""
    databases, kafka = Databases(stack), stack.addresses["kafka"]
    topics = Topics(kafka, [topic.name for topic in load() if topic.visibility != "private"])
    with contextlib.closing(topics):
        topics.read_on(READ_SECONDS)
    return [
        *await documents(customers, practice),
        *await events(topics, databases),
        effects(topics),
        *await told(customers, topics, mails(stack.home.mail), databases),
        await settings(customers),
        Finding("rows in which a service differs from their owner", len(await databases.pictures_that_differ())),
        dead_letters(records_per_topic(kafka)),
    ]


async def documents(customers: Sequence[Customer], practice: Practice) -> list[Finding]:
    """Every document asked for is at its provider once, with its file, in the order asked for at its connection."""
    verdicts = [
        judge(customer.asked, await practice.documents(customer.provider, customer.organisation_id))
        for customer in customers
    ]
    return [
        Finding("documents asked for", sum(each.asked for each in verdicts), Wanted.SOME),
        Finding("documents lost", sum(each.lost for each in verdicts)),
        Finding("documents repeated", sum(each.duplicates for each in verdicts)),
        Finding("documents out of order", sum(each.out_of_order for each in verdicts)),
        Finding("documents without their file", sum(each.without_file for each in verdicts)),
    ]


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


def effects(topics: Topics) -> Finding:
    """What may happen once to an item, a reading of lists or a consent was said once."""
    once: dict[object, set[object]] = defaultdict(set)
    for event in topics.events:
        match event.data:
            case ItemPublished(item_id=item):
                once["published", item].add(event.id)
            case SyncCompleted(sync_id=sync) | SyncFailed(sync_id=sync, retry_at=None):
                once["read", sync].add(event.id)
            case ConnectionExpired(connection_id=connection, generation=generation):
                once["expired", connection, generation].add(event.id)
            case ReconnectRequested(reconnect_id=case, stage="opened"):
                once["asked to repair", case].add(event.id)
    return Finding("effects repeated between services", sum(len(ids) - 1 for ids in once.values()))


async def told(
    customers: Sequence[Customer], topics: Topics, caught: Sequence[EmailMessage], databases: Databases
) -> list[Finding]:
    """Each administrator got one notice and one mail for each expiry, and nobody else any."""
    expired = {
        (event.data.connection_id, event.data.generation)
        for event in topics.events
        if isinstance(event.data, ConnectionExpired)
    }
    administrators = {customer.connection_id: customer.told for customer in customers}
    wanted = Counter(
        (connection, generation, user, channel)
        for connection, generation in expired
        for user in administrators.get(connection, ())
        for channel in ("in_app", "mail")
    )
    kept = Counter(await databases.rows("notifier-svc", _NOTICES))
    sent = Counter((str(mail["X-Relink-Connection"]), str(mail["To"])) for mail in of_stage(caught, "expired"))
    of_person = Counter(
        (connection, ADDRESSES[user]) for connection, _, user, channel in wanted.elements() if channel == "mail"
    )
    again = sum(mail["X-Relink-Stage"] == "expired" for mail in caught) - sent.total()
    return [
        Finding("expiries", len(expired), Wanted.SOME),
        Finding("notices and mails missing", (wanted - kept).total() + (of_person - sent).total()),
        Finding("notices and mails repeated", (kept - wanted).total() + (sent - of_person).total()),
        Finding("mails sent again under their own id", again, Wanted.ANY),
    ]


async def settings(customers: Sequence[Customer]) -> Finding:
    """What was last wished for is what the connections have, whatever was reconnected since."""
    wrong = 0
    for customer in customers:
        kept = (await answered(customer.standing, "the connection can be read"))["settings"]
        wrong += any(kept[name] != value for name, value in customer.settings.items())
    return Finding("connections whose settings are not as last set", wrong)


def dead_letters(records: Mapping[str, tuple[int, int]]) -> Finding:
    """`records` says of each topic how many partitions and records it has."""
    return Finding("dead letters", sum(count for topic, (_, count) in records.items() if topic.endswith(".dlq")))
