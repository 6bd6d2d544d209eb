"""Every event that notifier-svc says."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from notifier_svc.domain.notices import Notice
from relink_contracts.envelope import Actor, EventData, Outgoing, speaker
from relink_contracts.events import NotificationFailed, NotificationSent

_say = speaker("notifier-svc")


def notification_sent(notice: Notice, *, at: datetime) -> Outgoing:
    return _in_its_flow(NotificationSent(**_facts(notice)), notice, at)


def notification_failed(notice: Notice, code: str, *, at: datetime) -> Outgoing:
    return _in_its_flow(NotificationFailed(**_facts(notice), code=code), notice, at)


def _facts(notice: Notice) -> dict[str, Any]:
    return {
        "business_id": notice.business_id,
        "actor": Actor(type="system", id="notifier-svc"),
        "notification_id": notice.notice_id,
        "recipient_user_id": notice.recipient,
        "channel": notice.channel.value,
        "about": notice.connection_id,
        "stage": notice.stage.value,
    }


def _in_its_flow(data: EventData, notice: Notice, at: datetime) -> Outgoing:
    """A mail leaves long after the event that caused it: the notice has kept whose flow it belongs to."""
    return replace(_say(data, at=at), correlation_id=notice.correlation_id, causation_id=notice.causation_id)
