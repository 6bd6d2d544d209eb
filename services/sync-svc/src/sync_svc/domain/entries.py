"""What a list entry says, and what changed between two readings of a list."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Place:
    """One list of one connection of one business."""

    business_id: str
    connection_id: str
    list: str


@dataclass(frozen=True)
class Content:
    """An entry as others may know it: who it is at the provider, and nothing personal but as a keyed hash."""

    external_id: str
    name: str
    parent_id: str | None = None
    code: str | None = None
    type: str | None = None
    tax_treatment: str | None = None
    valid_tax_rates: tuple[str, ...] | None = None
    tax_number_hash: str | None = None
    email_hash: str | None = None
    active: bool = True

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Content":
        fields: dict[str, Any] = json.loads(text)
        rates = fields.pop("valid_tax_rates")
        return cls(**fields, valid_tax_rates=None if rates is None else tuple(rates))

    def fingerprint(self) -> bytes:
        """Equal for equal content, and for nothing else."""
        return hashlib.sha256(self.as_json().encode()).digest()


@dataclass(frozen=True)
class Changes:
    """What a reading brought that was not known. `removed` holds external ids."""

    added: tuple[Content, ...]
    updated: tuple[Content, ...]
    removed: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.added) + len(self.updated) + len(self.removed)


def changes_between(known: Mapping[str, bytes], read: Iterable[Content], *, is_full: bool) -> Changes:
    """From fingerprints by external id to what was read. Only a full reading can tell that an entry is gone.

    Pages move while they are read: an entry that came twice counts once, as it was last.
    """
    latest = {content.external_id: content for content in read}
    return Changes(
        added=tuple(one for key, one in latest.items() if key not in known),
        updated=tuple(one for key, one in latest.items() if key in known and known[key] != one.fingerprint()),
        removed=tuple(key for key in known if key not in latest) if is_full else (),
    )


@dataclass(frozen=True)
class ListState:
    """One list of a connection as we last read it. `version` grows with every reading."""

    list: str
    version: int
    total: int
    generation: int
    read_at: datetime
    read_in_full_at: datetime


def read_since(
    state: ListState | None, *, generation: int, now: datetime, full_every: timedelta, overlap: timedelta
) -> datetime | None:
    """From when to ask for changes; None: read the whole list.

    Whole at first, after each reconnect (the organisation's owner may have changed what we may see), and every
    `full_every`, since an entry that is gone changes nothing that could be asked for. `overlap` covers clocks that
    differ and changes that were under way.
    """
    if state is None or state.generation != generation or now - state.read_in_full_at >= full_every:
        return None
    return state.read_at - overlap


def email_hash(key: bytes, business_id: str, email: str | None) -> str | None:
    """For equality within one business: letter case and spaces around do not matter."""
    return _keyed(key, business_id, "email", (email or "").strip().casefold())


def tax_number_hash(key: bytes, business_id: str, tax_number: str | None) -> str | None:
    """For equality within one business: letter case and everything but letters and digits do not matter."""
    return _keyed(key, business_id, "tax_number", re.sub(r"[\W_]", "", tax_number or "").casefold())


def _keyed(key: bytes, business_id: str, kind: str, value: str) -> str | None:
    if not value:
        return None
    return hmac.new(key, f"{business_id}\0{kind}\0{value}".encode(), hashlib.sha256).hexdigest()
