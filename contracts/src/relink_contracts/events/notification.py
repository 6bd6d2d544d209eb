"""notify.notification.events.v1, from notifier-svc."""

from typing import Annotated, ClassVar

from relink_contracts.envelope import EventData
from relink_contracts.fields import OneOf, UserId


class NotificationEvent(EventData):
    """What became of a notification to one person over one channel."""

    TOPIC: ClassVar[str] = "notify.notification.events.v1"
    AGGREGATE: ClassVar[str] = "notification"
    VERSION: ClassVar[str] = "1.1.0"

    notification_id: str
    recipient_user_id: UserId
    channel: Annotated[str, OneOf("in_app", "mail", "push", "webhook")]
    about: str
    """Id of the entity that it tells about."""
    stage: Annotated[
        str,
        OneOf(
            "expiring_30",
            "expiring_14",
            "expiring_7",
            "expiring_1",
            "expired",
            "reminder_3",
            "reminder_7",
            "reminder_after_snooze",
            "asked",
            "repaired",
        ),
    ]

    def subject(self) -> str:
        return self.notification_id

    def key(self) -> str:
        return self.business_id


class NotificationSent(NotificationEvent):
    """The channel took it. Whether somebody read it is not known."""

    TYPE: ClassVar[str] = "relink.notification.sent.v1"


class NotificationFailed(NotificationEvent):
    """The channel refused it for good; nobody will try again."""

    TYPE: ClassVar[str] = "relink.notification.failed.v1"

    code: str
