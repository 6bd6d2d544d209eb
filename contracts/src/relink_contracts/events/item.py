"""publishing.item.events.v1 and publishing.release.events.v1, from publish-svc."""

from typing import Annotated, ClassVar

from pydantic import Field

from relink_contracts.envelope import EventData, Part
from relink_contracts.fields import BusinessName, OneOf, Pii, UserId, UtcTime, marked

ItemStatus = Annotated[
    str,
    OneOf("review", "ready", "queued", "held", "publishing", "uncertain", "failed", "published", "archived"),
]
HoldReason = Annotated[
    str,
    OneOf(
        "connection_expired",
        "connection_checking",
        "connection_ended",
        "provider_degraded",
        "canary_failed",
        "supplier_unconfirmed",
        "supplier_unchecked",
        "mapping_paused",
    ),
]
FailureClass = Annotated[
    str,
    OneOf(
        "connection",
        "permission",
        "subscription",
        "period",
        "stale_mapping",
        "validation",
        "duplicate",
        "rate_limit",
        "outage",
        "attachment",
    ),
]


class ItemEvent(EventData):
    """Something happened to an item; the fields here are its state after that."""

    TOPIC: ClassVar[str] = "publishing.item.events.v1"
    AGGREGATE: ClassVar[str] = "item"

    item_id: str
    connection_id: str
    status: ItemStatus
    reason: str | None = None
    """Why it is held, or the code of its failure; null otherwise."""

    def subject(self) -> str:
        return self.item_id


class ItemPublishRequested(ItemEvent):
    """Somebody asked to publish the item."""

    TYPE: ClassVar[str] = "relink.item.publish-requested.v1"

    requested_by: UserId
    bulk_id: str | None = None


class ItemHeld(ItemEvent):
    """The item waits for something named, and goes on by itself once that is there."""

    TYPE: ClassVar[str] = "relink.item.held.v1"

    reason: HoldReason
    since: UtcTime


class ItemReleased(ItemEvent):
    """The item waits no longer: it is due again."""

    TYPE: ClassVar[str] = "relink.item.released.v1"

    released_by: Annotated[str, OneOf("reconnect", "provider_recovered", "user", "operator", "merge")]
    held_seconds: int


class ItemPublished(ItemEvent):
    """The item's document is at the provider."""

    TYPE: ClassVar[str] = "relink.item.published.v1"

    organisation_id: str
    provider_reference: str
    provider_url: str | None = None
    attempt: int
    latency_ms: int


class ItemPublishFailed(ItemEvent):
    """An attempt to publish was refused, and nothing of it is at the provider."""

    TYPE: ClassVar[str] = "relink.item.publish-failed.v1"

    code: str
    class_: FailureClass = Field(alias="class")
    field: str | None = None
    """The item's field that is to blame, as a JSON pointer."""
    provider_message: Annotated[str, marked(Pii.BUSINESS)] | None = None
    attempt: int
    next_attempt_at: UtcTime | None = None


class ItemOutcomeUncertain(ItemEvent):
    """The provider may or may not have the document; we look before we write again."""

    TYPE: ClassVar[str] = "relink.item.outcome-uncertain.v1"

    attempt: int
    since: UtcTime


class SupplierCandidate(Part):
    """A supplier of the provider's list that might be the one meant."""

    external_id: str
    name: BusinessName


class ItemSupplierFlagged(ItemEvent):
    """The item's supplier is not in the provider's list under that name."""

    TYPE: ClassVar[str] = "relink.item.supplier-flagged.v1"

    supplier_name: BusinessName
    presence: Annotated[str, OneOf("missing", "similar")]
    candidates: tuple[SupplierCandidate, ...]


class ItemSupplierResolved(ItemEvent):
    """Somebody decided which supplier the item has."""

    TYPE: ClassVar[str] = "relink.item.supplier-resolved.v1"

    supplier_name: BusinessName
    choice: Annotated[str, OneOf("create", "existing")]
    external_supplier_id: str | None = None


class ReleaseEvent(EventData):
    """Something happened to a release: the held items of a connection going out together."""

    TOPIC: ClassVar[str] = "publishing.release.events.v1"
    AGGREGATE: ClassVar[str] = "release"

    release_id: str
    connection_id: str

    def subject(self) -> str:
        return self.release_id

    def key(self) -> str:
        return self.connection_id


class ReleaseStarted(ReleaseEvent):
    """What waited goes out: lists first, then one item, then the rest."""

    TYPE: ClassVar[str] = "relink.release.started.v1"

    waiting: int
    trigger: Annotated[str, OneOf("reconnect", "provider_recovered", "user", "operator", "merge")]


class ReleaseFinished(ReleaseEvent):
    """Nothing of the release waits any more."""

    TYPE: ClassVar[str] = "relink.release.finished.v1"

    published: int
    failed: int
    excluded: int
    seconds: int
