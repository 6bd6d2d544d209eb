"""Lists as they were read from the provider."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class EntryKey:
    """Names one entry; `external_id` is the provider's."""

    connection_id: str
    list: str
    external_id: str

    @classmethod
    def of_subject(cls, subject: str) -> "EntryKey":
        """The key in the subject of a list entry's record, which is all that a tombstone has."""
        connection_id, list_name, external_id = subject.split("/", 2)
        return cls(connection_id, list_name, external_id)


@dataclass(frozen=True)
class ListKey:
    """Names one list of a business's connection."""

    business_id: str
    connection_id: str
    list: str


@dataclass(frozen=True)
class Entry:
    """One entry as the provider has it."""

    key: EntryKey
    business_id: str
    parent_id: str | None
    name: str
    code: str | None
    type: str | None
    tax_treatment: str | None
    valid_tax_rates: tuple[str, ...] | None
    active: bool
    list_version: int


@dataclass(frozen=True)
class ListRun:
    """What the last synchronisation said of one list. `said` counts the entries it added or updated."""

    connection_id: str
    list: str
    business_id: str
    list_version: int
    total: int
    said: int
    added: int
    updated: int
    removed: int
    completed_at: datetime


class Completeness(StrEnum):
    NOT_READ = "not_read"
    """Entries may be here, but no synchronisation has said that it is through."""
    ARRIVING = "arriving"
    COMPLETE = "complete"


@dataclass(frozen=True)
class ListPicture:
    """One list as it is here: the entries that arrived, and what the last synchronisation said there are."""

    list: str
    entries: int
    entries_of_run: int
    """Entries whose version is that of `run` or a later one."""
    run: ListRun | None

    @property
    def completeness(self) -> Completeness:
        """Complete once everything is here that the last synchronisation said.

        Topics are not ordered to each other, so its records may come after its end. A tombstone carries no version:
        that the removed ones are gone shows in the total. While the next synchronisation's records are coming in
        a list may count as arriving again.
        """
        if self.run is None:
            return Completeness.NOT_READ
        if self.entries == self.run.total and self.entries_of_run >= self.run.said:
            return Completeness.COMPLETE
        return Completeness.ARRIVING
