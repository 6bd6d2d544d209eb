"""accounting.sync.events.v1 and accounting.list-entry.state.v1, from sync-svc."""

from typing import Annotated, ClassVar

from relink_contracts.envelope import EventData, Part
from relink_contracts.fields import BusinessName, ListName, OneOf, UtcTime

Trigger = Annotated[str, OneOf("schedule", "user", "established", "reconnected", "changed", "operator")]


class SyncEvent(EventData):
    """Something happened to one synchronisation of a connection's lists."""

    TOPIC: ClassVar[str] = "accounting.sync.events.v1"
    AGGREGATE: ClassVar[str] = "sync"

    sync_id: str
    connection_id: str
    generation: int
    """The connection's consent that the run reads with."""

    def subject(self) -> str:
        return self.sync_id

    def key(self) -> str:
        return self.connection_id


class SyncRequested(SyncEvent):
    """Lists are to be read from the provider."""

    TYPE: ClassVar[str] = "relink.sync.requested.v1"

    trigger: Trigger
    lists: tuple[ListName, ...]


class SyncedList(Part):
    """What one run did to one list."""

    added: int
    updated: int
    removed: int
    total: int
    """Entries that the list holds now."""
    list_version: int
    records_written: int
    """Records, tombstones included, that say this version: who applied that many has all of it."""


class SyncCompleted(SyncEvent):
    """Every list of the run was read and its changes said."""

    TYPE: ClassVar[str] = "relink.sync.completed.v1"

    trigger: Trigger
    lists: dict[ListName, SyncedList]
    duration_ms: int
    provider_calls: int
    provider_bytes: int


class SyncFailed(SyncEvent):
    """The run ended without having read its lists."""

    TYPE: ClassVar[str] = "relink.sync.failed.v1"

    code: str
    retry_at: UtcTime | None = None
    blames: Annotated[str, OneOf("provider", "connection", "us")]


class ListEntry(EventData):
    """One entry of a list as the provider has it. One that left the provider is a tombstone.

    The one entry of list `organisation` says base currency, currencies and lock dates.
    """

    TYPE: ClassVar[str] = "relink.list-entry.state.v1"
    TOPIC: ClassVar[str] = "accounting.list-entry.state.v1"
    AGGREGATE: ClassVar[str] = "list-entry"

    connection_id: str
    list: ListName
    external_id: str
    """The provider's id in the adapter's form, free of slashes."""
    parent_id: str | None = None
    name: BusinessName
    code: str | None = None
    type: str | None = None
    tax_treatment: str | None = None
    valid_tax_rates: tuple[str, ...] | None = None
    tax_number_hash: str | None = None
    """Keyed hash, for equality only; so is `email_hash`."""
    email_hash: str | None = None
    active: bool
    list_version: int

    def subject(self) -> str:
        return list_entry_key(self.connection_id, self.list, self.external_id)


def list_entry_key(connection_id: str, list_name: str, external_id: str) -> str:
    """The entry's subject and record key, a tombstone's too."""
    return f"{connection_id}/{list_name}/{external_id}"
