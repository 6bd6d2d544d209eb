"""An item: a bill with its file, and how far its publication has come."""

import datetime as dt
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from publish_svc.domain.errors import NotEditable, NotMovable, NotPublishable


class ItemStatus(StrEnum):
    """Where an item stands. The README has the table of who leads where."""

    REVIEW = "review"
    READY = "ready"
    QUEUED = "queued"
    HELD = "held"
    PUBLISHING = "publishing"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    PUBLISHED = "published"
    ARCHIVED = "archived"


ON_THE_WAY = frozenset({ItemStatus.QUEUED, ItemStatus.HELD, ItemStatus.PUBLISHING, ItemStatus.UNCERTAIN})
"""Somebody asked, and nobody need ask again."""


class HoldReason(StrEnum):
    """What a held item waits for."""

    CONNECTION_EXPIRED = "connection_expired"
    CONNECTION_CHECKING = "connection_checking"
    CONNECTION_ENDED = "connection_ended"
    PROVIDER_DEGRADED = "provider_degraded"
    CANARY_FAILED = "canary_failed"


class FailureClass(StrEnum):
    """Whose move a failure is, and of what kind."""

    CONNECTION = "connection"
    PERMISSION = "permission"
    SUBSCRIPTION = "subscription"
    PERIOD = "period"
    STALE_MAPPING = "stale_mapping"
    VALIDATION = "validation"
    DUPLICATE = "duplicate"
    OUTAGE = "outage"
    ATTACHMENT = "attachment"


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed. `message` is the provider's own sentence, for people."""

    code: str
    kind: FailureClass
    field: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Line:
    """One line of a bill. `amount` is without tax."""

    description: str
    amount: Decimal
    account_id: str
    tax_rate_id: str | None


@dataclass(frozen=True)
class BillContent:
    """What becomes the bill."""

    supplier_id: str | None
    supplier_name: str
    number: str
    date: dt.date
    due_date: dt.date | None
    currency: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class DocumentRef:
    """Where the bill's file lies and what it must be. `sha256` is lower-case hex."""

    url: str
    sha256: str
    file_name: str
    content_type: str


@dataclass(frozen=True)
class Receipt:
    """The provider has the bill."""

    organisation_id: str
    provider_reference: str
    provider_url: str | None


@dataclass(frozen=True)
class Item:
    """`revision` is the one that was loaded; saving it guards that nobody else has saved meanwhile.

    `publication` counts how often the item was meant to become a document of its own: 1, and one more for each
    *publish again*. `position` orders the items of a connection by when they were asked for. `not_before` is the
    earliest time for the next step: the next try of a queued item, the look-up of an uncertain one.
    `receipt` belongs to the present publication.
    """

    id: str
    business_id: str
    external_id: str
    connection_id: str
    bill: BillContent
    document: DocumentRef
    status: ItemStatus
    created_at: datetime
    updated_at: datetime
    reason: str | None = None
    failure: Failure | None = None
    publication: int = 1
    attempts: int = 0
    retries: int = 0
    position: int | None = None
    not_before: datetime | None = None
    requested_by: str | None = None
    held_at: datetime | None = None
    release_id: str | None = None
    receipt: Receipt | None = None
    revision: int = 0

    @property
    def is_on_the_way(self) -> bool:
        return self.status in ON_THE_WAY

    @property
    def reference(self) -> str:
        """What is written into the document, so that it can be found again."""
        return f"{self.id}/{self.publication}"

    def correct(self, bill: BillContent, document: DocumentRef, connection_id: str, *, now: datetime) -> "Item":
        """The item with other content. It keeps its status and its place.

        Raises NotEditable once the provider has the bill, or may have it: only the file of a bill whose
        attachment failed can still be replaced. Raises NotMovable when it waits at another connection.
        """
        same_bill = bill == self.bill and connection_id == self.connection_id
        if self.status in {ItemStatus.PUBLISHING, ItemStatus.UNCERTAIN, ItemStatus.PUBLISHED}:
            raise NotEditable(self.id, self.status)
        if self.receipt is not None and not same_bill:
            raise NotEditable(self.id, self.status)
        if self.is_on_the_way and connection_id != self.connection_id:
            raise NotMovable(self.id, self.status)
        return replace(self, bill=bill, document=document, connection_id=connection_id, updated_at=now)

    def ask(self, *, position: int, by: str, now: datetime, again: bool = False) -> "Item":
        """Somebody asked to publish the item: it is queued at the end of its connection's lane.

        With `again`, an item that is published becomes a second document. Raises NotPublishable.
        """
        is_repeat = again and self.status is ItemStatus.PUBLISHED
        if not is_repeat and self.status not in {ItemStatus.READY, ItemStatus.FAILED}:
            raise NotPublishable(self.id, self.status)
        return replace(
            self,
            status=ItemStatus.QUEUED,
            reason=None,
            failure=None,
            publication=self.publication + 1 if is_repeat else self.publication,
            receipt=None if is_repeat else self.receipt,
            position=position,
            requested_by=by,
            retries=0,
            not_before=None,
            release_id=None,
            updated_at=now,
        )

    def start(self, *, now: datetime) -> "Item":
        """A worker is about to write it: the intent is in the ledger."""
        return replace(self, status=ItemStatus.PUBLISHING, attempts=self.attempts + 1, not_before=None, updated_at=now)

    def tried_in_vain(self) -> "Item":
        """An attempt ended before anything was about to be written."""
        return replace(self, attempts=self.attempts + 1)

    def publish(self, *, now: datetime) -> "Item":
        """The document is there, with its file."""
        return replace(
            self, status=ItemStatus.PUBLISHED, reason=None, failure=None, not_before=None, held_at=None, updated_at=now
        )

    def fail(self, failure: Failure, *, now: datetime) -> "Item":
        """It leaves the lane until somebody corrects it or asks again."""
        return replace(
            self, status=ItemStatus.FAILED, reason=failure.code, failure=failure, not_before=None, updated_at=now
        )

    def lose_sight(self, *, look_after: datetime, now: datetime) -> "Item":
        """The provider may have it. Nothing is written before somebody has looked, and not before `look_after`."""
        return replace(self, status=ItemStatus.UNCERTAIN, reason=None, not_before=look_after, updated_at=now)

    def stay_uncertain(self, failure: Failure, *, now: datetime) -> "Item":
        """The provider may have it, and nobody can look as long as that lasts."""
        return replace(self, reason=failure.code, failure=failure, updated_at=now)

    def wait(self, *, until: datetime | None, now: datetime) -> "Item":
        """Try again at that time. What is uncertain stays so: the next try is a look, not a write."""
        status = self.status if self.status is ItemStatus.UNCERTAIN else ItemStatus.QUEUED
        return replace(self, status=status, reason=None, not_before=until, updated_at=now)

    def retry(self, *, at: datetime | None, now: datetime) -> "Item":
        """Try again at that time, and count it: for troubles of this item alone, which may not go on for ever."""
        return replace(self.wait(until=at, now=now), retries=self.retries + 1)

    def requeue(self, *, now: datetime) -> "Item":
        """Nothing of it is in doubt any more: it goes on from where it stands."""
        return replace(self, status=ItemStatus.QUEUED, reason=None, failure=None, not_before=None, updated_at=now)

    def hold(self, reason: HoldReason, *, now: datetime) -> "Item":
        """It keeps its place and waits for what `reason` names."""
        return replace(
            self,
            status=ItemStatus.HELD,
            reason=reason,
            not_before=None,
            held_at=self.held_at or now,
            updated_at=now,
        )

    def release(self, *, now: datetime) -> "Item":
        """It waits no longer; its place is the one it had."""
        return replace(
            self, status=ItemStatus.QUEUED, reason=None, failure=None, held_at=None, retries=0, updated_at=now
        )
