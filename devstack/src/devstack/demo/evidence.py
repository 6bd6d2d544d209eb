"""What the demo believes: the provider's own journal, the topics and the mail box, read from outside the services."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from devstack.kafka import client
from relink_contracts import decode
from relink_contracts.envelope import EventData, Received


@dataclass(frozen=True)
class ProviderDocument:
    """A document as the practice provider lists it: our reference in it, and the files on it."""

    reference: str
    number: str
    attachments: int


@dataclass(frozen=True)
class Verdict:
    """What became of the items asked for, by the provider's own list of documents in order of creation."""

    asked: int
    published: int
    duplicates: int
    out_of_order: int
    lost: int
    without_file: int

    @property
    def is_clean(self) -> bool:
        return self.asked == self.published and not (
            self.duplicates or self.out_of_order or self.lost or self.without_file
        )


def judge(asked: Sequence[str], documents: Sequence[ProviderDocument]) -> Verdict:
    """Compare the numbers asked for, in order, with the documents that exist.

    A document is out of order when one that was asked for later came before it.
    """
    position = {number: place for place, number in enumerate(asked)}
    ours = [document for document in documents if document.number in position]
    first_seen = list(dict.fromkeys(document.number for document in ours))
    latest, overtaken = -1, 0
    for number in first_seen:
        overtaken += position[number] < latest
        latest = max(latest, position[number])
    return Verdict(
        asked=len(asked),
        published=len(first_seen),
        duplicates=len(ours) - len(first_seen),
        out_of_order=overtaken,
        lost=len(asked) - len(first_seen),
        without_file=sum(document.attachments == 0 for document in ours),
    )


class Practice:
    """The practice providers, asked through their own admin pages."""

    def __init__(self, http: httpx2.AsyncClient, address: str) -> None:
        self._http, self._address = http, address

    async def documents(self, provider: str, organisation_id: str) -> list[ProviderDocument]:
        answer = await self._http.get(f"{self._address}/sim/{provider}/organisations/{organisation_id}/documents")
        answer.raise_for_status()
        return [
            ProviderDocument(document["reference"], document["number"], len(document["attachments"]))
            for document in answer.json()["documents"]
        ]

    async def open_organisation(self, provider: str, name: str) -> str:
        """One more organisation that everybody may connect; its id."""
        return str((await self._ask(f"{provider}/organisations", name=name))["id"])

    async def withdraw_access(self, provider: str, organisation_id: str) -> None:
        """Somebody removes our access in the accounting software; we are not told."""
        await self._ask(f"{provider}/grants/revoke", organisation_id=organisation_id)

    async def end_tokens(self, provider: str, organisation_id: str) -> None:
        """Every token that reaches the organisation is refused from now on; we are not told."""
        await self._ask(f"{provider}/grants/expire", organisation_id=organisation_id)

    async def reached_by(self, provider: str, access_token: str) -> tuple[str, ...]:
        """The organisations that an access token leads to."""
        return tuple((await self._ask(f"{provider}/grants/reach", access_token=access_token))["organisations"])

    async def add_supplier(self, provider: str, organisation_id: str, name: str) -> None:
        """Somebody adds a supplier in the accounting software."""
        await self._ask(f"{provider}/organisations/{organisation_id}/entries", list="suppliers", name=name)

    async def calls(self) -> list[dict[str, Any]]:
        answer = await self._http.get(f"{self._address}/sim/journal")
        answer.raise_for_status()
        calls: list[dict[str, Any]] = answer.json()["calls"]
        return calls

    async def _ask(self, path: str, **body: str) -> dict[str, Any]:
        answer = await self._http.post(f"{self._address}/sim/{path}", json=body)
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        return said


class Topics:
    """Everything said on the topics since the demo began, read without a group."""

    def __init__(self, bootstrap_servers: str, topics: Iterable[str]) -> None:
        settings: dict[str, str | bool] = {"group.id": "demo-evidence", "enable.auto.commit": False}
        self._consumer = Consumer({**client(bootstrap_servers), **settings})
        known = self._consumer.list_topics(timeout=10).topics
        wanted = [topic for topic in topics if topic in known]
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in wanted
                for partition in known[topic].partitions
            ]
        )
        self.events: list[Received[EventData]] = []

    def read_on(self, wait_seconds: float = 0.2) -> list[Received[EventData]]:
        """Take in what has been said meanwhile and answer all of it; blocks for at most about the time given."""
        for message in self._arrived(wait_seconds):
            self.events.append(decode(_Record(message)))
        return self.events

    def about(self, connection_id: str, *types: type[EventData]) -> list[Received[EventData]]:
        """The events of these types that concern the connection, each id once, by time."""
        names = {event.TYPE for event in types}
        found = {
            event.id: event
            for event in self.events
            if event.type in names and getattr(event.data, "connection_id", None) == connection_id
        }
        return sorted(found.values(), key=lambda event: (event.time, event.id))

    def count_by_type(self) -> Counter[str]:
        """How many events of each type were said; one that was delivered twice counts once."""
        return Counter(kind for _, kind in {(event.id, event.type) for event in self.events})

    def close(self) -> None:
        self._consumer.close()

    def _arrived(self, wait_seconds: float) -> Iterator[Message]:
        while messages := self._consumer.consume(1_000, wait_seconds):
            yield from (message for message in messages if message.error() is None)


class _Record:
    """A message of confluent-kafka with the field names that the contracts read."""

    def __init__(self, message: Message) -> None:
        self.topic = str(message.topic())
        self.partition = int(message.partition() or 0)
        self.offset = int(message.offset() or 0)
        self.key: bytes | None = _bytes(message.key())
        self.value: bytes | None = _bytes(message.value())
        self.headers = [(name, _bytes(value) or b"") for name, value in dict(message.headers() or []).items()]


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def mails(folder: Path) -> list[EmailMessage]:
    """Every mail caught so far, the oldest first."""
    files = sorted(folder.glob("*.eml"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    parsed = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [mail for mail in parsed if isinstance(mail, EmailMessage)]


def of_stage(caught: Iterable[EmailMessage], stage: str) -> list[EmailMessage]:
    """The mails of one stage; one that was sent again under the same Message-ID counts once."""
    found = {str(mail["Message-ID"]): mail for mail in caught if mail["X-Relink-Stage"] == stage}
    return list(found.values())
