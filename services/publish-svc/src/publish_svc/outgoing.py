"""Every event this service says: items on `publishing.item.events.v1`, releases on `publishing.release.events.v1`."""

from datetime import datetime, timedelta

from publish_svc.domain.items import Item, ItemStatus
from publish_svc.domain.lane import Holding, Published, Result, Settled, Unavailable, Unknown
from publish_svc.domain.releases import Finished, Release
from relink_contracts.envelope import Actor, EventData, Outgoing, Received, speaker
from relink_contracts.events import (
    ItemHeld,
    ItemOutcomeUncertain,
    ItemPublished,
    ItemPublishFailed,
    ItemPublishRequested,
    ItemReleased,
    ReleaseFinished,
    ReleaseStarted,
)

SERVICE = "publish-svc"

_say = speaker(SERVICE)
_OURSELVES = Actor(type="system", id=SERVICE)


def item_publish_requested(item: Item, actor: Actor, *, bulk_id: str | None, at: datetime) -> Outgoing:
    return _say(
        ItemPublishRequested(
            business_id=item.business_id,
            actor=actor,
            item_id=item.id,
            connection_id=item.connection_id,
            status=item.status,
            reason=item.reason,
            requested_by=actor.id,
            bulk_id=bulk_id,
        ),
        at=at,
    )


def item_held(holding: Holding, *, at: datetime) -> list[Outgoing]:
    """The item waits; the one that tells of an expiry says its publishing error first."""
    item = holding.item
    held = ItemHeld(
        business_id=item.business_id,
        actor=_OURSELVES,
        item_id=item.id,
        connection_id=item.connection_id,
        status=item.status,
        reason=item.reason or "",
        since=item.held_at or at,
    )
    told = [] if holding.failed is None else [item_publish_failed(holding.failed, at=at)]
    return [*told, _say(held, at=at)]


def item_released(held: Item, released: Item, *, released_by: str, at: datetime) -> Outgoing:
    seconds = int((at - held.held_at).total_seconds()) if held.held_at else 0
    return _say(
        ItemReleased(
            business_id=released.business_id,
            actor=_OURSELVES,
            item_id=released.id,
            connection_id=released.connection_id,
            status=released.status,
            reason=released.reason,
            released_by=released_by,
            held_seconds=max(0, seconds),
        ),
        at=at,
    )


def item_published(item: Item, *, latency: timedelta, at: datetime) -> Outgoing:
    if item.receipt is None:
        raise ValueError(f"item {item.id} is published without a receipt")
    return _say(
        ItemPublished(
            business_id=item.business_id,
            actor=_OURSELVES,
            item_id=item.id,
            connection_id=item.connection_id,
            status=item.status,
            reason=item.reason,
            organisation_id=item.receipt.organisation_id,
            provider_reference=item.receipt.provider_reference,
            provider_url=item.receipt.provider_url,
            attempt=item.attempts,
            latency_ms=int(latency.total_seconds() * 1000),
        ),
        at=at,
    )


def item_publish_failed(item: Item, *, at: datetime) -> Outgoing:
    """The item failed, for the reason it carries."""
    if item.failure is None:
        raise ValueError(f"item {item.id} failed without a failure")
    return _say(
        ItemPublishFailed(
            business_id=item.business_id,
            actor=_OURSELVES,
            item_id=item.id,
            connection_id=item.connection_id,
            status=item.status,
            reason=item.reason,
            code=item.failure.code,
            class_=item.failure.kind,
            field=item.failure.field,
            provider_message=item.failure.message,
            attempt=item.attempts,
        ),
        at=at,
    )


def item_attempt_failed(item: Item, symptom: str, *, next_attempt_in: timedelta, at: datetime) -> Outgoing:
    """The provider gave no usable answer, and the item is tried again by itself: it has not failed."""
    return _say(
        ItemPublishFailed(
            business_id=item.business_id,
            actor=_OURSELVES,
            item_id=item.id,
            connection_id=item.connection_id,
            status=item.status,
            reason=item.reason,
            code=symptom,
            class_="outage",
            attempt=item.attempts,
            next_attempt_at=at + next_attempt_in,
        ),
        at=at,
    )


def item_outcome_uncertain(item: Item, *, at: datetime) -> Outgoing:
    return _say(
        ItemOutcomeUncertain(
            business_id=item.business_id,
            actor=_OURSELVES,
            item_id=item.id,
            connection_id=item.connection_id,
            status=ItemStatus.UNCERTAIN,
            reason=item.reason,
            attempt=item.attempts,
            since=at,
        ),
        at=at,
    )


def attempt_ended(settled: Settled, result: Result, *, at: datetime) -> list[Outgoing]:
    """What is said about the end of an attempt or a look. Waiting for a provider's or a token's sake is not told."""
    item = settled.item
    match result:
        case Published(latency):
            return [item_published(item, latency=latency, at=at)]
        case Unknown():
            return [item_outcome_uncertain(item, at=at)]
        case Unavailable(symptom) if item.status is ItemStatus.QUEUED and settled.next_attempt_in is not None:
            return [item_attempt_failed(item, symptom, next_attempt_in=settled.next_attempt_in, at=at)]
        case _ if item.status is ItemStatus.FAILED:
            return [item_publish_failed(item, at=at)]
        case _:
            return []


def release_started(release: Release, *, at: datetime, caused_by: Received[EventData] | None = None) -> Outgoing:
    return _say(
        ReleaseStarted(
            business_id=release.business_id,
            actor=_OURSELVES,
            release_id=release.id,
            connection_id=release.connection_id,
            waiting=release.waiting,
            trigger=release.trigger,
        ),
        at=at,
        caused_by=caused_by,
    )


def release_finished(finished: Finished, *, at: datetime) -> Outgoing:
    release = finished.release
    return _say(
        ReleaseFinished(
            business_id=release.business_id,
            actor=_OURSELVES,
            release_id=release.id,
            connection_id=release.connection_id,
            published=finished.published,
            failed=finished.failed,
            excluded=finished.excluded,
            seconds=finished.seconds,
        ),
        at=at,
    )
