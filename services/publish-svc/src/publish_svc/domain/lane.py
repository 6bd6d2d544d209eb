"""The lane of a connection: its items in the order they were asked for, one at a time.

`next_step` says what the first of them needs. `hold_at_gate` and `take_result` say what becomes of an item, and of
the gate, when it is held and when an attempt has ended.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from publish_svc.domain.connections import ConnectionPicture, Gate
from publish_svc.domain.items import Failure, FailureClass, HoldReason, Item, ItemStatus
from publish_svc.domain.ledger import AttemptOutcome, Publication


@dataclass(frozen=True)
class Rest:
    """Nothing to do before that time; None: before something changes."""

    until: datetime | None


@dataclass(frozen=True)
class Publish:
    """The item is due."""

    item: Item


@dataclass(frozen=True)
class LookUp:
    """Find out whether the provider has the uncertain item."""

    item: Item


@dataclass(frozen=True)
class Recover:
    """Somebody was publishing the item. If nobody holds the lane's lease now, its worker died."""

    item: Item


Step = Rest | Publish | LookUp | Recover


def next_step(connection: ConnectionPicture, head: Item | None, *, now: datetime) -> Step:
    """What the first item of the lane needs now. Only this item moves; order depends on it."""
    if head is None or head.status is ItemStatus.HELD:
        return Rest(connection.gate_until)
    if head.status is ItemStatus.PUBLISHING:
        return Recover(head)
    is_uncertain = head.status is ItemStatus.UNCERTAIN
    may_go = connection.gate is not Gate.CLOSED if is_uncertain else connection.lets_through
    if not may_go:
        return Rest(connection.gate_until)
    if head.not_before is not None and head.not_before > now:
        return Rest(head.not_before)
    return LookUp(head) if is_uncertain else Publish(head)


_EXPIRED = Failure(code=HoldReason.CONNECTION_EXPIRED, kind=FailureClass.CONNECTION)


@dataclass(frozen=True)
class Holding:
    """An item held at the gate. `failed` is the item as it told of the expiry first, if it was the one to tell."""

    connection: ConnectionPicture
    item: Item
    failed: Item | None


def hold_at_gate(item: Item, connection: ConnectionPicture, reason: HoldReason, *, now: datetime) -> Holding:
    """Hold an item that may not go.

    The first one after an expiry gets its publishing error, whoever noticed the expiry; then it waits like the rest.
    """
    if not connection.has_untold_expiry:
        return Holding(connection, item.hold(reason, now=now), failed=None)
    failed = item.fail(_EXPIRED, now=now)
    return Holding(connection.told_expiry(), failed.hold(reason, now=now), failed)


def tells_expiry(connection: ConnectionPicture, head: Item) -> bool:
    """Whether an uncertain item is the first to meet the expiry: it cannot be held, and nobody can look for it now."""
    return head.status is ItemStatus.UNCERTAIN and connection.has_untold_expiry


def tell_expiry(item: Item, connection: ConnectionPicture, *, now: datetime) -> "Settled":
    """It gets the publishing error and stays uncertain: once the connection works again it is looked for."""
    return Settled(item.stay_uncertain(_EXPIRED, now=now), connection.told_expiry())


@dataclass(frozen=True)
class Published:
    """The bill is there and its file is on it, `latency` after a worker began with it."""

    latency: timedelta


@dataclass(frozen=True)
class Found:
    """The bill is there; its file may not be."""


@dataclass(frozen=True)
class NotFound:
    """A look at the provider proved that the write had no effect."""


@dataclass(frozen=True)
class Refused:
    """The provider, or the file's place, said no to this item."""

    failure: Failure


@dataclass(frozen=True)
class Throttled:
    """The provider asks for a pause."""

    retry_after: timedelta


@dataclass(frozen=True)
class Unavailable:
    """The provider gave no usable answer, and nothing was written."""

    symptom: str


@dataclass(frozen=True)
class FileUnavailable:
    """The place of the item's file gave no usable answer. Says nothing about provider or connection."""

    symptom: str


@dataclass(frozen=True)
class Unknown:
    """A write was sent and its answer lost, or its worker died. `look_after`: when a look proves something."""

    look_after: datetime


@dataclass(frozen=True)
class TokenReplaced:
    """The access token was rejected, and there is a newer one."""


@dataclass(frozen=True)
class Expired:
    """Only the customer can mend the connection. `generation` is the consent that it was told about."""

    generation: int
    reason: HoldReason = HoldReason.CONNECTION_EXPIRED


@dataclass(frozen=True)
class Checking:
    """It is not known yet whether the connection still works."""

    generation: int
    retry_after: timedelta


Result = (
    Published
    | Found
    | NotFound
    | Refused
    | Throttled
    | Unavailable
    | FileUnavailable
    | Unknown
    | TokenReplaced
    | Expired
    | Checking
)


@dataclass(frozen=True)
class Patience:
    """How long we go on by ourselves."""

    first_back_off: timedelta = timedelta(seconds=2)
    longest_back_off: timedelta = timedelta(seconds=60)
    outages_before_hold: int = 3
    retries_of_a_file: int = 3
    tokens_before_check: int = 3
    probe_after: timedelta = timedelta(seconds=60)
    lists_wait: timedelta = timedelta(seconds=60)

    def back_off(self, tries: int) -> timedelta:
        """Doubles with each try up to the longest."""
        doublings = min(tries, 16)
        return min(self.first_back_off * (1 << doublings), self.longest_back_off)


@dataclass(frozen=True)
class Moment:
    """Both clocks, read together: `now` is the time that people see, `wall` the one that waiting is measured on."""

    now: datetime
    wall: datetime


@dataclass(frozen=True)
class Settled:
    """Item and connection after an attempt. `next_attempt_in` is set when an outage is retried by itself."""

    item: Item
    connection: ConnectionPicture
    next_attempt_in: timedelta | None = None


def take_result(  # noqa: C901, PLR0911 - one case for each result
    item: Item, connection: ConnectionPicture, result: Result, patience: Patience, at: Moment
) -> Settled:
    """What an ended attempt, or an ended look, makes of its item and of the gate."""
    match result:
        case Published():
            return Settled(item.publish(now=at.now), _went_through(connection))
        case Found() | NotFound():
            return Settled(item.requeue(now=at.now), connection.answered())
        case Refused(failure):
            return Settled(item.fail(failure, now=at.now), _refused(connection, failure))
        case Throttled(retry_after):
            return Settled(item.wait(until=at.wall + retry_after, now=at.now), connection.answered())
        case Unavailable():
            return _outage(item, connection, patience, at)
        case FileUnavailable(symptom):
            return Settled(_file_unavailable(item, symptom, patience, at), connection)
        case Unknown(look_after):
            return Settled(item.lose_sight(look_after=look_after, now=at.now), connection)
        case TokenReplaced() if item.retries < patience.tokens_before_check:
            return Settled(item.retry(at=None, now=at.now), connection.answered())
        case TokenReplaced():
            return _no_access(item, connection, Checking(connection.generation, patience.probe_after), at)
        case Expired() | Checking():
            return _no_access(item, connection, result, at)


def _went_through(connection: ConnectionPicture) -> ConnectionPicture:
    answered = connection.answered()
    return answered.open() if connection.gate is Gate.CANARY else answered


def _refused(connection: ConnectionPicture, failure: Failure) -> ConnectionPicture:
    answered = connection.answered()
    is_the_connections = failure.kind in {FailureClass.PERMISSION, FailureClass.SUBSCRIPTION}
    if connection.gate is Gate.CANARY and is_the_connections:
        return answered.close(HoldReason.CANARY_FAILED)
    return answered


def _outage(item: Item, connection: ConnectionPicture, patience: Patience, at: Moment) -> Settled:
    after = connection.outage()
    pause = patience.back_off(connection.outages_in_row)
    if after.outages_in_row >= patience.outages_before_hold and connection.lets_through:
        pause = patience.probe_after
        after = after.close(HoldReason.PROVIDER_DEGRADED, until=at.wall + pause)
    return Settled(item.wait(until=at.wall + pause, now=at.now), after, next_attempt_in=pause)


def _file_unavailable(item: Item, symptom: str, patience: Patience, at: Moment) -> Item:
    if item.retries >= patience.retries_of_a_file:
        failure = Failure("document_unavailable", FailureClass.ATTACHMENT, "/document/url", symptom)
        return item.fail(failure, now=at.now)
    return item.retry(at=at.wall + patience.back_off(item.retries), now=at.now)


def _no_access(item: Item, connection: ConnectionPicture, answer: Expired | Checking, at: Moment) -> Settled:
    waiting = item.wait(until=None, now=at.now)
    if answer.generation != connection.generation or connection.gate is Gate.CLOSED:
        # What we were told is about an earlier consent, or the gate has heard it already.
        return Settled(waiting, connection)
    if isinstance(answer, Expired):
        return Settled(waiting, connection.close(answer.reason))
    until = at.wall + answer.retry_after
    return Settled(waiting, connection.close(HoldReason.CONNECTION_CHECKING, until=until))


def outcome_of(result: Result) -> tuple[AttemptOutcome, str | None]:  # noqa: C901, PLR0911 - one case for each
    """How the ledger notes a result: the outcome, and what was told of it."""
    match result:
        case Published():
            return AttemptOutcome.PUBLISHED, None
        case Found():
            return AttemptOutcome.UNKNOWN, "the bill is there, its file is not yet"
        case Refused(failure):
            return AttemptOutcome.REFUSED, failure.message or failure.code
        case Throttled(retry_after):
            return AttemptOutcome.THROTTLED, f"asked to wait {retry_after.total_seconds():.0f} s"
        case Unavailable(symptom) | FileUnavailable(symptom):
            return AttemptOutcome.UNAVAILABLE, symptom
        case Unknown():
            return AttemptOutcome.UNKNOWN, None
        case TokenReplaced():
            return AttemptOutcome.TOKEN_REJECTED, None
        case Expired():
            return AttemptOutcome.CONNECTION_EXPIRED, None
        case Checking():
            return AttemptOutcome.CONNECTION_CHECKING, None
        case NotFound():
            return AttemptOutcome.UNKNOWN, "looked up: it had no effect"


def publication_after(publication: Publication, result: Result) -> Publication:
    """What remains of an intended write once its result is known: its bytes and key while it may have had an effect."""
    match result:
        case Refused():
            return publication.refused()
        case Published() | Found() | NotFound() | Unknown():
            return publication
        case _:
            return publication.not_done()
