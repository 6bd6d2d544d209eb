"""What became of every event, read from the database, the topic and the histories alone.

Knows nothing of the code under test: the tables are the tests' own, the records are read as bytes and headers.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from faultlib import history

_READING: Final = {"group.id": "checker", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0}
POISON: Final = "x-poison"
"""The header of a record that a cell put into the topic, and nobody posted."""

_POSTED: Final = "SELECT event_id::text AS event, command::text, transaction::text, account, number FROM ledger"
_EFFECTS: Final = "SELECT event_id::text AS event, account FROM effects ORDER BY id"


@dataclass(frozen=True)
class Verdict:
    """Counts over one seed. Everything but `events` and `duplicates` must be 0."""

    events: int  # posted in the database
    lost: int  # confirmed to the caller or posted, and missing in the ledger, the topic or the effects
    invented: int  # in the topic or the effects, and never posted
    repeated_effects: int  # rows of effects beyond the first of their event, and commands done twice
    order_violations: int  # first deliveries and first effects that came after a later one of their account
    duplicates: int  # records beyond the first of their event: allowed, and counted

    @property
    def faults(self) -> dict[str, int]:
        """What must not be, by name; empty is good."""
        allowed = ("events", "duplicates")
        return {name: count for name, count in vars(self).items() if count and name not in allowed}


@dataclass(frozen=True)
class Record:
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]

    @property
    def event(self) -> str:
        return self.headers["ce_id"].decode()


async def check(
    database: str,
    kafka: str,
    topic: str,
    histories: Iterable[Path],
    *,
    consumed: bool = True,
    spared: AbstractSet[str] = frozenset(),
) -> Verdict:
    """Call it when all is quiet. `consumed` is whether the cell has a consumer, so that effects are to be expected.

    Of the events in `spared` none is.
    """
    connection = await asyncpg.connect(database)
    try:
        posted = await connection.fetch(_POSTED)
        effects = await connection.fetch(_EFFECTS)
    finally:
        await connection.close()
    records = [each for each in await asyncio.to_thread(read_topic, kafka, topic) if POISON not in each.headers]
    lines = [line for path in histories for line in history.read(path)]

    number = {row["event"]: row["number"] for row in posted}
    account = {row["event"]: row["account"] for row in posted}
    commands = {row["command"] for row in posted}
    sent, effected = Counter(record.event for record in records), Counter(row["event"] for row in effects)
    confirmed = {event for line in lines if line["did"] == "committed" for event in line["events"]}
    resolved = {line["command"] for line in lines if line["did"] == "resolved"}
    failed = {event for line in lines if line["did"] == "failed" for event in line["events"]}

    lost = (confirmed - number.keys()) | (number.keys() - sent.keys())
    if consumed:
        lost |= number.keys() - effected.keys() - spared
    invented = (sent.keys() | effected.keys()) - number.keys() | (failed & number.keys())
    done_twice = len({(row["command"], row["transaction"]) for row in posted}) - len(commands)
    in_topic = inversions(
        (account[each.event], number[each.event]) for each in in_order(records) if each.event in number
    )
    in_effects = inversions((account[row["event"]], number[row["event"]]) for row in effects if row["event"] in number)
    return Verdict(
        events=len(number),
        lost=len(lost) + len(resolved - commands),
        invented=len(invented),
        repeated_effects=effected.total() - len(effected) + done_twice,
        order_violations=in_topic + in_effects + strays(records) + misnumbered(records, number),
        duplicates=sent.total() - len(sent),
    )


def in_order(records: list[Record]) -> list[Record]:
    """By partition and offset: order is promised for one account, which is one key, which is one partition."""
    return sorted(records, key=lambda record: (record.partition, record.offset))


def inversions(numbers: Iterable[tuple[str, int]]) -> int:
    """First deliveries of an account's entry after one with a higher number was delivered."""
    highest: dict[str, int] = defaultdict(int)
    seen: set[tuple[str, int]] = set()
    found = 0
    for account, number in numbers:
        found += (account, number) not in seen and number < highest[account]
        seen.add((account, number))
        highest[account] = max(highest[account], number)
    return found


def strays(records: list[Record]) -> int:
    """Keys that are found in more than one partition, where nothing has an order."""
    partitions = defaultdict(set)
    for record in records:
        partitions[record.key].add(record.partition)
    return sum(len(found) > 1 for found in partitions.values())


def misnumbered(records: list[Record], number: dict[str, Any]) -> int:
    """Records whose own sequence says another order than the account's numbers do."""
    return sum(
        int(record.headers["ce_sequence"]) != number.get(record.event, int(record.headers["ce_sequence"]))
        for record in records
    )


def read_topic(kafka: str, topic: str) -> list[Record]:
    """Everything on the topic now."""
    consumer = Consumer({"bootstrap.servers": kafka, **_READING})
    try:
        partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        unread, records = set(partitions), []
        while unread:
            message = consumer.poll(20)
            assert message is not None, f"Kafka stopped answering while {topic} was read"
            if message.error() is None:
                headers = {name: value or b"" for name, value in message.headers() or ()}
                records.append(Record(message.partition(), message.offset(), message.key(), message.value(), headers))
            else:
                unread.discard(message.partition())
        return records
    finally:
        consumer.close()
