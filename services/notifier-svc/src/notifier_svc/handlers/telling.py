"""What the handlers that tell people something have in common."""

from collections.abc import Iterable
from datetime import datetime

from chassis import outbox
from chassis.database import Tx
from notifier_svc import outgoing
from notifier_svc.domain.notices import Cause, State, tell
from notifier_svc.store import notices
from relink_contracts.ids import new_id


async def tell_once(tx: Tx, cause: Cause, recipients: Iterable[str], *, now: datetime) -> None:
    """Adds a notice for everybody who was not told of it yet. Mails are left to the work loop."""
    for notice in tell(cause, recipients, now=now, new_id=lambda: new_id("ntc")):
        if await notices.add(tx, notice) and notice.state is State.SENT:
            await outbox.add(tx, outgoing.notification_sent(notice, at=now))
