"""Who is told what about a connection, and what becomes of each notice."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

NEEDS_A_PERSON: Final = frozenset({"expired", "revoked"})
"""Lifecycles in which only the customer can mend the connection."""
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=1)
MOST_ATTEMPTS: Final = 30
"""With the pauses doubling up to an hour: a mail is tried for about a day."""


class Channel(StrEnum):
    IN_APP = "in_app"
    MAIL = "mail"


class Stage(StrEnum):
    """What a notice tells. The warnings before an expiry will be stages, too."""

    EXPIRED = "expired"
    REMINDER_3 = "reminder_3"
    REMINDER_7 = "reminder_7"
    REMINDER_AFTER_SNOOZE = "reminder_after_snooze"
    ASKED = "asked"
    REPAIRED = "repaired"


CHANNELS: Final = {
    Stage.EXPIRED: (Channel.IN_APP, Channel.MAIL),
    Stage.REMINDER_3: (Channel.MAIL,),
    Stage.REMINDER_7: (Channel.MAIL,),
    Stage.REMINDER_AFTER_SNOOZE: (Channel.MAIL,),
    Stage.ASKED: (Channel.IN_APP, Channel.MAIL),
    Stage.REPAIRED: (Channel.IN_APP,),
}

REPEATED: Final = frozenset({Stage.REMINDER_AFTER_SNOOZE, Stage.ASKED})
"""May be told again while the same consent is over: the new notice then takes the place of the last."""


class State(StrEnum):
    DUE = "due"
    SENT = "sent"
    """The channel took it; an in-app notice is sent by being there."""
    FAILED = "failed"
    """The channel refused it for good, or was away too long."""
    WITHDRAWN = "withdrawn"
    """It was no longer true when its turn came."""


@dataclass(frozen=True)
class Member:
    user_id: str
    roles: tuple[str, ...]
    linked_accountant: bool

    @property
    def is_told(self) -> bool:
        """Administrators, and the accountant who is linked to the business."""
        return "admin" in self.roles or self.linked_accountant


@dataclass(frozen=True)
class Connection:
    """A connection as we know it. Provider and organisation are None until somebody said them."""

    connection_id: str
    business_id: str
    lifecycle: str
    generation: int
    provider: str | None
    organisation_name: str | None

    def is_broken_since(self, generation: int) -> bool:
        """Whether the consent number `generation` ended and nothing has replaced it."""
        return self.lifecycle in NEEDS_A_PERSON and self.generation == generation

    def could_do_with_a_login(self, generation: int) -> bool:
        """Whether the consent number `generation` is the last, ended or not, and a new one is possible."""
        return self.lifecycle in NEEDS_A_PERSON | {"active"} and self.generation == generation


@dataclass(frozen=True)
class Cause:
    """The event that a notice tells about.

    `reason` and `reconnect_id` are there for an expiry and its reminders, `asked_by` and `link_lifetime_seconds` where
    somebody asked.
    """

    stage: Stage
    connection: Connection
    generation: int
    happened_at: datetime
    correlation_id: str
    event_id: str
    reason: str | None = None
    reconnect_id: str | None = None
    asked_by: str | None = None
    link_lifetime_seconds: int | None = None


@dataclass(frozen=True)
class Notice:
    notice_id: str
    business_id: str
    connection_id: str
    generation: int
    stage: Stage
    recipient: str
    channel: Channel
    state: State
    reason: str | None
    reconnect_id: str | None
    happened_at: datetime
    created_at: datetime
    read_at: datetime | None
    attempts: int
    next_attempt_at: datetime
    correlation_id: str
    causation_id: str
    asked_by: str | None = None
    link_lifetime_seconds: int | None = None

    def is_still_true(self, connection: Connection | None) -> bool:
        """Whether it is worth telling: an expiry is not once the connection was repaired, replaced or given up."""
        if connection is None:
            return False
        match self.stage:
            case Stage.REPAIRED:
                return True
            case Stage.ASKED:
                return connection.could_do_with_a_login(self.generation)
            case _:
                return connection.is_broken_since(self.generation)


def tell(cause: Cause, recipients: Iterable[str], *, now: datetime, new_id: Callable[[], str]) -> list[Notice]:
    """One notice for each person and each channel of the stage."""
    return [
        Notice(
            notice_id=new_id(),
            business_id=cause.connection.business_id,
            connection_id=cause.connection.connection_id,
            generation=cause.generation,
            stage=cause.stage,
            recipient=recipient,
            channel=channel,
            state=State.SENT if channel is Channel.IN_APP else State.DUE,
            reason=cause.reason,
            reconnect_id=cause.reconnect_id,
            happened_at=cause.happened_at,
            created_at=now,
            read_at=None,
            attempts=0,
            next_attempt_at=now,
            correlation_id=cause.correlation_id,
            causation_id=cause.event_id,
            asked_by=cause.asked_by,
            link_lifetime_seconds=cause.link_lifetime_seconds,
        )
        for recipient in recipients
        for channel in CHANNELS[cause.stage]
    ]


def sent(notice: Notice) -> Notice:
    return replace(notice, state=State.SENT, attempts=notice.attempts + 1)


def failed(notice: Notice) -> Notice:
    return replace(notice, state=State.FAILED, attempts=notice.attempts + 1)


def withdrawn(notice: Notice) -> Notice:
    return replace(notice, state=State.WITHDRAWN)


def tried(notice: Notice, *, now: datetime) -> Notice:
    """Not possible just now: due again after a pause that doubles, or failed after the last attempt."""
    attempts = notice.attempts + 1
    if attempts >= MOST_ATTEMPTS:
        return failed(notice)
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempts - 1))
    return replace(notice, attempts=attempts, next_attempt_at=now + pause)
