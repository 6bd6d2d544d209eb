"""The ledger of intent: what we are about to write is on record before it is sent."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from publish_svc.domain.items import BillContent, Item


@dataclass(frozen=True)
class FrozenBill:
    """The exact bill of a write: the item's content, its supplier at the provider, and how far it goes by itself."""

    content: BillContent
    supplier_id: str
    destination: str | None


@dataclass(frozen=True)
class Publication:
    """One document that an item is meant to become at the provider.

    `bill` and `key` are kept while a write of them may have had an effect, so that a repeat has identical bytes.
    `refusals` counts the provider's definite answers: each changes the key, since a provider answers a repeated key
    from its memory for minutes, the refusal included, although the cause may be mended.
    """

    item_id: str
    number: int
    refusals: int = 0
    bill: FrozenBill | None = None
    key: str | None = None

    def intend(self, bill: FrozenBill) -> "Publication":
        """The publication about to be written with this bill."""
        return replace(self, bill=bill, key=self._key_of(bill))

    def refused(self) -> "Publication":
        """The provider said no, so nothing of it is there: the next write is a new one."""
        return replace(self, refusals=self.refusals + 1, bill=None, key=None)

    def not_done(self) -> "Publication":
        """Nothing of it is there: the next write may be another."""
        return replace(self, bill=None, key=None)

    def _key_of(self, bill: FrozenBill) -> str:
        """32 hexadecimal digits: the shortest limit of a provider's key is 50 characters."""
        lines = [[line.description, str(line.amount), line.account_id, line.tax_rate_id] for line in bill.content.lines]
        content = bill.content
        body = [
            self.item_id,
            self.number,
            self.refusals,
            bill.supplier_id,
            bill.destination,
            content.supplier_name,
            content.number,
            content.date.isoformat(),
            content.due_date.isoformat() if content.due_date else None,
            content.currency,
            lines,
        ]
        return hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()[:32]


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    PUBLISHED = "published"
    REFUSED = "refused"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    TOKEN_REJECTED = "token_rejected"  # noqa: S105 - the name of an outcome
    CONNECTION_EXPIRED = "connection_expired"
    CONNECTION_CHECKING = "connection_checking"


@dataclass(frozen=True)
class Attempt:
    """One try to publish an item.

    `lease_token` says who was about to write. `look_after` is when a look can prove that the write had no effect;
    None when nothing was about to be written. `outcome` None: it goes on, or its worker died.
    """

    item_id: str
    number: int
    publication: int
    lease_token: int
    started_at: datetime
    look_after: datetime | None = None
    outcome: AttemptOutcome | None = None
    detail: str | None = None
    finished_at: datetime | None = None


def supplier_key(connection_id: str, name: str) -> str:
    """The key of creating a supplier: one for each name at a connection, whichever item needs it first."""
    return hashlib.sha256(f"{connection_id}/supplier/{name}".encode()).hexdigest()[:32]


def when_to_look(
    *, sent_at: datetime, write_deadline: timedelta, lease: timedelta, longest_processing: timedelta
) -> datetime:
    """The earliest time at which a look at the provider proves that a write had no effect.

    Until the lease and the write's deadline are over, somebody may still send it; after that the provider may
    still be at it for as long as it ever takes.
    """
    return sent_at + max(write_deadline, lease) + longest_processing


def publication_of(item: Item) -> Publication:
    """The item's present publication, before anything was intended."""
    return Publication(item_id=item.id, number=item.publication)
