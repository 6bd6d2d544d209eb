"""Sends the mails that are due."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from chassis import leases, outbox
from chassis.clock import Clock
from chassis.database import Database
from chassis.leases import Lease, LeaseLost
from chassis.run import Loop
from notifier_svc import outgoing
from notifier_svc.clients import ConnectionService, IdentitySystem, Unavailable
from notifier_svc.domain.notices import Connection, Notice, State, failed, sent, tried, withdrawn
from notifier_svc.domain.wording import letter
from notifier_svc.mail import Mailer, MailRefused, MailUnavailable
from notifier_svc.store import connections, notices

_LOOKED_AT: Final = 20
"""More than one, since others may have the first few in hand."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt; `refusal` says why a failed one failed."""

    notice: Notice
    refusal: str = ""


@dataclass(frozen=True)
class MailRoom:
    """Everything that sending takes. `holder` names this process in leases.

    `lease_time` is longer than the two calls and the mail may take together: a mail in the hands of a worker that died
    is sent by another after it.
    """

    database: Database
    clock: Clock
    people: IdentitySystem
    connection_svc: ConnectionService
    mailer: Mailer
    holder: str
    lease_time: timedelta

    async def send_next(self) -> bool:
        """Sends, withdraws or puts off one mail that is due; False when none is."""
        async with self.database.acquire() as tx:
            ids = await notices.due(tx, now=self.clock.now(), limit=_LOOKED_AT)
        for notice_id in ids:
            lease = await leases.acquire(self.database, f"notice:{notice_id}", self.holder, self.lease_time)
            if lease is not None:
                await self._under(lease, notice_id)
                return True
        return False

    async def _under(self, lease: Lease, notice_id: str) -> None:
        async with self.database.transaction() as tx:
            notice = await notices.get(tx, notice_id)
            connection = await connections.get(tx, notice.connection_id, notice.business_id) if notice else None
        if notice is not None and notice.state is State.DUE:  # else another replica was faster
            try:
                await self._record(lease, await self._try(notice, connection))
            except LeaseLost:
                _log.warning("mail.lease_lost", notice_id=notice_id)
        await leases.release(self.database, lease)

    async def _try(self, notice: Notice, connection: Connection | None) -> Outcome:
        """No transaction is open here."""
        if connection is None or not notice.is_still_true(connection):
            return Outcome(withdrawn(notice))
        try:
            person = await self.people.person(notice.recipient)
            if person is None:
                return Outcome(failed(notice), "recipient_unknown")
            asker = await self.people.person(notice.asked_by) if notice.asked_by else None
            link = await self.connection_svc.reconnect_link(notice)
            if link is None:
                return Outcome(withdrawn(notice))
            await self.mailer.send(notice, letter(notice, connection, person, link, asker=asker), person)
        except (Unavailable, MailUnavailable) as problem:
            _log.warning("mail.put_off", notice_id=notice.notice_id, attempts=notice.attempts + 1, error=str(problem))
            return Outcome(tried(notice, now=self.clock.now()), "unavailable_too_long")
        except MailRefused as refused:
            return Outcome(failed(notice), f"smtp_{refused.code}")
        return Outcome(sent(notice))

    async def _record(self, lease: Lease, outcome: Outcome) -> None:
        notice, now = outcome.notice, self.clock.now()
        async with self.database.transaction() as tx:
            await leases.guard(tx, lease)
            await notices.save(tx, notice)
            if notice.state is State.SENT:
                await outbox.add(tx, outgoing.notification_sent(notice, at=now))
            if notice.state is State.FAILED:
                await outbox.add(tx, outgoing.notification_failed(notice, outcome.refusal, at=now))
        _log.info("mail.tried", notice_id=notice.notice_id, state=notice.state.value, stage=notice.stage.value)


def loop(room: MailRoom) -> Loop:
    return Loop("send-mail", room.send_next, every=timedelta(seconds=1))
