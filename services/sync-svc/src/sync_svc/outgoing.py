"""Every event this service says.

| Event | When |
|---|---|
| `SyncRequested` | lists are to be read: on schedule, after a consent, or because somebody asked |
| `SyncCompleted` | they were read, and every change is said |
| `SyncFailed` | an attempt failed; `retry_at` says whether it is tried again |
| `ListEntry` | an entry is new or changed; a tombstone when it left the provider |
"""

from datetime import datetime

from relink_contracts.envelope import Actor, EventData, Outgoing, Received, Tombstone, speaker
from relink_contracts.events import ListEntry, SyncCompleted, SyncedList, SyncFailed, SyncRequested
from relink_contracts.events.sync import list_entry_key
from sync_svc.domain.connections import Connection
from sync_svc.domain.entries import Content, Place
from sync_svc.domain.runs import Run

SYSTEM = Actor(type="system", id="sync-svc")

say = speaker("sync-svc")


def sync_requested(  # noqa: PLR0913 - what is asked for, why, and by whom
    connection: Connection,
    sync_id: str,
    trigger: str,
    *,
    at: datetime,
    lists: tuple[str, ...] = (),
    user_id: str | None = None,
    caused_by: Received[EventData] | None = None,
) -> Outgoing:
    """No `lists` means all that the provider has."""
    event = SyncRequested(
        business_id=connection.business_id,
        actor=Actor(type="user", id=user_id) if user_id else SYSTEM,
        sync_id=sync_id,
        connection_id=connection.id,
        generation=connection.generation,
        trigger=trigger,
        lists=lists,
    )
    return say(event, at=at, caused_by=caused_by)


def sync_completed(run: Run, *, at: datetime) -> Outgoing:
    assert run.result is not None
    event = SyncCompleted(
        business_id=run.business_id,
        actor=SYSTEM,
        sync_id=run.id,
        connection_id=run.connection_id,
        generation=run.generation,
        trigger=run.trigger,
        lists={
            name: SyncedList(
                added=one.added,
                updated=one.updated,
                removed=one.removed,
                total=one.total,
                list_version=one.list_version,
                records_written=one.records_written,
            )
            for name, one in run.result.lists.items()
        },
        duration_ms=run.result.duration_ms,
        provider_calls=run.result.provider_calls,
        provider_bytes=run.result.provider_bytes,
    )
    return say(event, at=at)


def sync_failed(run: Run, *, at: datetime) -> Outgoing:
    assert run.failure is not None
    event = SyncFailed(
        business_id=run.business_id,
        actor=SYSTEM,
        sync_id=run.id,
        connection_id=run.connection_id,
        generation=run.generation,
        code=run.failure.code,
        blames=run.failure.blames,
        retry_at=run.retry_at,
    )
    return say(event, at=at)


def list_entry(place: Place, content: Content, *, list_version: int, at: datetime) -> Outgoing:
    event = ListEntry(
        business_id=place.business_id,
        actor=SYSTEM,
        connection_id=place.connection_id,
        list=place.list,
        external_id=content.external_id,
        parent_id=content.parent_id,
        name=content.name,
        code=content.code,
        type=content.type,
        tax_treatment=content.tax_treatment,
        valid_tax_rates=content.valid_tax_rates,
        tax_number_hash=content.tax_number_hash,
        email_hash=content.email_hash,
        active=content.active,
        list_version=list_version,
    )
    return say(event, at=at)


def list_entry_gone(place: Place, external_id: str, *, at: datetime) -> Outgoing:
    key = list_entry_key(place.connection_id, place.list, external_id)
    return say(Tombstone(ListEntry, subject=key, key=key, business_id=place.business_id), at=at)
