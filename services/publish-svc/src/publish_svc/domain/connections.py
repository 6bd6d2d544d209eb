"""Our picture of a connection, and the gate that lets its items through."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from publish_svc.domain.items import HoldReason


class Lifecycle(StrEnum):
    """Where the connection stands, as connection-svc tells it. UNKNOWN is a value that this release does not know."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    DISCONNECTED = "disconnected"
    REPLACED = "replaced"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "Lifecycle":  # noqa: ARG003 - whatever it is
        return cls.UNKNOWN


HELD_BECAUSE: dict[Lifecycle, HoldReason] = {
    Lifecycle.PENDING: HoldReason.CONNECTION_CHECKING,
    Lifecycle.UNKNOWN: HoldReason.CONNECTION_CHECKING,
    Lifecycle.EXPIRED: HoldReason.CONNECTION_EXPIRED,
    Lifecycle.REVOKED: HoldReason.CONNECTION_EXPIRED,
    Lifecycle.DISCONNECTED: HoldReason.CONNECTION_ENDED,
    Lifecycle.REPLACED: HoldReason.CONNECTION_ENDED,
}


def hold_reason_for(answer: str) -> HoldReason:
    """What to hold for when we are told that a connection is not usable: the lifecycle it came to, or an expiry."""
    ended = answer in {Lifecycle.DISCONNECTED, Lifecycle.REPLACED}
    return HoldReason.CONNECTION_ENDED if ended else HoldReason.CONNECTION_EXPIRED


class Gate(StrEnum):
    """Whether the items of a connection may go."""

    OPEN = "open"
    CLOSED = "closed"
    WAITING_FOR_LISTS = "waiting_for_lists"
    CANARY = "canary"


@dataclass(frozen=True)
class ConnectionNews:
    """What one record says about a connection: its state after the change. None: the record does not say."""

    connection_id: str
    business_id: str
    sequence: int
    lifecycle: Lifecycle
    generation: int
    provider: str | None = None
    settings: "Settings | None" = None


@dataclass(frozen=True)
class Settings:
    """What an administrator chose, as far as it concerns publishing. `destination` None: as a draft."""

    destination: str | None = None


@dataclass(frozen=True)
class ConnectionPicture:
    """What we know of a connection, and the lane of its items.

    `hold_reason` is why the gate is not open, and what items asked for meanwhile are held with. `gate_until` ends
    a wait by itself: for the lists, or until we probe again. `closed_generation` is the consent under which the
    gate was closed: only a later one, or the owner's word, opens it. `expiry_told_generation` is the last consent
    whose end an item told as its publishing error.
    """

    id: str
    business_id: str
    lifecycle: Lifecycle
    generation: int
    sequence: int
    provider: str | None
    settings: Settings
    gate: Gate
    hold_reason: HoldReason | None = None
    gate_until: datetime | None = None
    closed_generation: int = 0
    synced_generation: int = 0
    expiry_told_generation: int = 0
    outages_in_row: int = 0
    release_id: str | None = None
    last_position: int = 0
    revision: int = 0

    @classmethod
    def first_seen(cls, news: ConnectionNews) -> "ConnectionPicture":
        """The picture from the first record that anybody told us."""
        picture = cls(
            id=news.connection_id,
            business_id=news.business_id,
            lifecycle=news.lifecycle,
            generation=news.generation,
            sequence=news.sequence,
            provider=news.provider,
            settings=news.settings or Settings(),
            gate=Gate.OPEN,
        )
        reason = HELD_BECAUSE.get(news.lifecycle)
        return picture if reason is None else picture.close(reason)

    def remember(self, news: ConnectionNews) -> "ConnectionPicture":
        """The picture after a record. One that is not newer than the last changes nothing.

        The gate follows: it closes when the connection is not active, and begins to open when it is again.
        """
        if news.sequence <= self.sequence:
            return self
        was_usable = self.lifecycle not in HELD_BECAUSE
        after = replace(
            self,
            sequence=news.sequence,
            lifecycle=news.lifecycle,
            generation=news.generation,
            provider=news.provider or self.provider,
            settings=news.settings or self.settings,
        )
        reason = HELD_BECAUSE.get(after.lifecycle)
        if reason is not None:
            return after.close(reason)
        if self.gate is Gate.CLOSED and (not was_usable or after.generation > self.closed_generation):
            return after.begin_to_open()
        return after

    def is_beginning_to_open(self, before: "ConnectionPicture") -> bool:
        """Whether it has just become usable again, unlike `before`."""
        return before.gate is Gate.CLOSED and self.gate in {Gate.WAITING_FOR_LISTS, Gate.CANARY}

    @property
    def lets_through(self) -> bool:
        return self.gate in {Gate.OPEN, Gate.CANARY}

    @property
    def has_untold_expiry(self) -> bool:
        """Whether the next item tried has to tell that the connection expired."""
        is_expired = self.gate is Gate.CLOSED and self.hold_reason is HoldReason.CONNECTION_EXPIRED
        return is_expired and self.expiry_told_generation < self.generation

    def close(self, reason: HoldReason, *, until: datetime | None = None) -> "ConnectionPicture":
        """Nothing goes out any more. With `until`, we probe again at that time."""
        return replace(self, gate=Gate.CLOSED, hold_reason=reason, gate_until=until, closed_generation=self.generation)

    def begin_to_open(self) -> "ConnectionPicture":
        """The connection works again: first its lists, unless those of this consent are here already."""
        gate = Gate.CANARY if self.synced_generation >= self.generation else Gate.WAITING_FOR_LISTS
        return replace(self, gate=gate, gate_until=None, outages_in_row=0)

    def lists_arrived(self, generation: int) -> "ConnectionPicture":
        """The lists were read under that consent."""
        after = replace(self, synced_generation=max(self.synced_generation, generation))
        if after.gate is Gate.WAITING_FOR_LISTS and after.synced_generation >= after.generation:
            return after.try_canary()
        return after

    def wait_until(self, until: datetime) -> "ConnectionPicture":
        """A wait that has begun ends then by itself."""
        return replace(self, gate_until=until)

    def try_canary(self) -> "ConnectionPicture":
        """One item may go; what becomes of it decides about the rest."""
        return replace(self, gate=Gate.CANARY, gate_until=None)

    def try_again(self) -> "ConnectionPicture":
        """Somebody says that what the canary failed for is mended; of another hold his word ends nothing."""
        is_his = self.gate is Gate.CLOSED and self.hold_reason is HoldReason.CANARY_FAILED
        return self.try_canary() if is_his else self

    def open(self) -> "ConnectionPicture":
        return replace(self, gate=Gate.OPEN, hold_reason=None, gate_until=None)

    def start_release(self, release_id: str) -> "ConnectionPicture":
        """What waits is counted into this release, an unfinished earlier one included."""
        return replace(self, release_id=release_id)

    def finish_release(self) -> "ConnectionPicture":
        return replace(self, release_id=None)

    def told_expiry(self) -> "ConnectionPicture":
        return replace(self, expiry_told_generation=self.generation)

    def next_position(self) -> "ConnectionPicture":
        """The picture with one more place in its lane: `last_position`."""
        return replace(self, last_position=self.last_position + 1)

    def outage(self) -> "ConnectionPicture":
        return replace(self, outages_in_row=self.outages_in_row + 1)

    def answered(self) -> "ConnectionPicture":
        """The provider gave a usable answer, whatever it was."""
        return replace(self, outages_in_row=0)
