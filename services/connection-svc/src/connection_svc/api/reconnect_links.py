"""Links that start the repair of one connection. People make them, or notifier-svc; web-svc shows their page."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from chassis import outbox
from chassis.database import Tx
from chassis.service_tokens import Caller
from connection_svc import outgoing
from connection_svc.api import callers, problems
from connection_svc.api.attempts import end_others, new_attempt
from connection_svc.api.parts import Parts
from connection_svc.api.wire import (
    AskedForLink,
    AskedLink,
    ConsumedLink,
    ConsumeLink,
    Id,
    LinkLogin,
    LinkView,
    NewLink,
    SentLink,
    WantedLink,
)
from connection_svc.domain.attempt import Attempt, Channel, Intent, hashed
from connection_svc.domain.connection import RECONNECTABLE, Connection, NotReconnectable
from connection_svc.domain.people import UnknownRecipient, whom_to_ask_for_a_link
from connection_svc.domain.reconnect import LINK_HOLDER, LINK_LIFETIME, ReconnectCase, ReconnectLink, masked
from connection_svc.store import attempts, cases, connections, history, links, members


def router(parts: Parts) -> APIRouter:
    """`/api/v1/connections/{id}/reconnect-links`, and for the services that mail and show links `/internal`."""
    routes = APIRouter(**problems.TRANSLATED)
    _for_people(routes, parts)
    _for_the_mail(routes, parts)
    _for_the_page(routes, parts)
    return routes


def _for_people(routes: APIRouter, parts: Parts) -> None:
    administrator = callers.administrators(parts.gate)

    @routes.post("/api/v1/connections/{connection_id}/reconnect-links", status_code=201, tags=["repairs"])
    async def make(
        connection_id: Id, wanted: WantedLink, caller: Annotated[Caller, Depends(administrator)], response: Response
    ) -> NewLink | SentLink:
        """A link for somebody else to reconnect with: told here once, or sent to somebody of the business."""
        now, by = parts.now(), outgoing.user(caller.subject)
        async with parts.database.transaction() as tx:
            connection = await _reconnectable(tx, caller.business_id, connection_id)
            case = await cases.find_open(tx, connection.business_id, connection.id)
            if wanted.send_to_user_id is None:
                response.headers["Cache-Control"] = "no-store"
                await history.add(tx, connection, history.Entry(now, "link_made", by.type, by.id))
                return await _new_link(tx, parts, connection, case, lifetime=wanted.lifetime, made_by=caller.subject)
            recipient = wanted.send_to_user_id
            if recipient not in {member.user_id for member in await members.of_business(tx, caller.business_id)}:
                raise UnknownRecipient(recipient)
            event = outgoing.reconnect_asked(
                connection, case, (recipient,), link_lifetime=wanted.lifetime, by=by, at=now
            )
            await outbox.add(tx, event)
            await history.add(tx, connection, history.Entry(now, "link_sent", by.type, by.id))
        return SentLink(sent_to_user_id=recipient)


def _for_the_mail(routes: APIRouter, parts: Parts) -> None:
    sender = callers.services(parts.gate, "notifier-svc")

    @routes.post("/internal/reconnect-cases/{case_id}/links", status_code=201, tags=["internal"])
    async def make_for_case(case_id: Id, caller: Annotated[Caller, Depends(sender)]) -> NewLink:
        """A new link, for the mail about an expiry."""
        async with parts.database.transaction() as tx:
            case = await cases.get(tx, caller.business_id, case_id)
            connection = await connections.get(tx, caller.business_id, case.connection_id)
            return await _new_link(tx, parts, connection, case, lifetime=LINK_LIFETIME, made_by=None)

    @routes.post("/internal/connections/{connection_id}/reconnect-links", status_code=201, tags=["internal"])
    async def make_for_recipient(
        connection_id: Id, wanted: AskedLink, caller: Annotated[Caller, Depends(sender)]
    ) -> NewLink:
        """A new link, for the mail to somebody who was asked to reconnect. 409 when that is over."""
        async with parts.database.transaction() as tx:
            connection = await _reconnectable(tx, caller.business_id, connection_id)
            case = await cases.find_open(tx, connection.business_id, connection.id)
            made_by = None if wanted.asked_by == LINK_HOLDER else wanted.asked_by
            return await _new_link(tx, parts, connection, case, lifetime=wanted.lifetime, made_by=made_by)


def _for_the_page(routes: APIRouter, parts: Parts) -> None:
    pages = callers.services(parts.gate, "web-svc")

    @routes.get("/internal/reconnect-links/{secret}", tags=["internal"])
    async def show(secret: str, _: Annotated[Caller, Depends(pages)]) -> LinkView:
        """What the link leads to. Looking does not spend it: mail scanners look, too."""
        async with parts.database.acquire() as tx:
            link = await links.get(tx, secret)
            connection = await connections.get(tx, link.business_id, link.connection_id)
            attempt = await attempts.get(tx, link.business_id, link.attempt_id) if link.attempt_id else None
        return LinkView(
            business_id=link.business_id,
            connection_id=link.connection_id,
            provider=connection.provider,
            provider_name=parts.providers[connection.provider].facts.display_name,
            organisation_masked=masked(connection.organisation.name) if connection.organisation else "",
            asked_by=link.made_by,
            state=link.state(connection, now=parts.now()).value,
            paused=connection.provider in parts.paused,
            login=_login(attempt.as_of(parts.now())) if attempt else None,
        )

    @routes.post("/internal/reconnect-links/{secret}/consume", tags=["internal"])
    async def consume(secret: str, asking: ConsumeLink, _: Annotated[Caller, Depends(pages)]) -> ConsumedLink:
        """Spend the link, once, for an attempt at the expected organisation only; it takes over from others' journeys.

        409 when it is not valid, and `provider_paused` while an operator lets nobody go to the provider's login.
        """
        now = parts.now()
        async with parts.database.transaction() as tx:
            link = await links.get(tx, secret)
            holder = outgoing.LINK_HOLDER
            await end_others(tx, link.business_id, link.connection_id, by=holder, take_over=True, now=now)
            connection = await connections.get_for_update(tx, link.business_id, link.connection_id)
            link = await links.get(tx, secret)  # again, under the lock: another press may have spent it
            if connection.provider in parts.paused:
                raise problems.provider_paused(parts.providers[connection.provider].facts.display_name)
            attempt = new_attempt(
                connection,
                Intent.RECONNECT,
                provider=connection.provider,
                channel=Channel.LINK,
                return_to=parts.addresses.link_back,
                by=LINK_HOLDER,
                binding_hash=asking.binding_hash,
                now=now,
            )
            used = link.use(connection, attempt_id=attempt.id, now=now)
            await attempts.add(tx, attempt)
            await links.save(tx, used)
        return ConsumedLink(start_url=parts.addresses.start(attempt.id))

    @routes.post("/internal/reconnect-links/{secret}/ask", tags=["internal"])
    async def ask(secret: str, _: Annotated[Caller, Depends(pages)]) -> AskedForLink:
        """The holder of a link that is spent or too old asks for a new one: whoever gave it gets a mail.

        Once for each link, and like every request for a repair once a day for them all. 409 where a new one would do
        nothing, and where nobody may reconnect.
        """
        now = parts.now()
        async with parts.database.transaction() as tx:
            link = await links.get(tx, secret)
            connection = await connections.get_for_update(tx, link.business_id, link.connection_id)
            link = await links.get(tx, secret)  # again, under the lock: another press may have asked
            asked = link.ask_for_another(connection, now=now)
            asked_at = link.asked_at or await _mail_once_a_day(tx, connection, asked, now=now)
        return AskedForLink(asked_at=asked_at)


async def _mail_once_a_day(tx: Tx, connection: Connection, asking: ReconnectLink, *, now: datetime) -> datetime:
    """Mail those who can give a new link; when that was done, which may be before for the same repair."""
    recipients = whom_to_ask_for_a_link(await members.of_business(tx, connection.business_id), made_by=asking.made_by)
    case = await cases.find_open(tx, connection.business_id, connection.id)
    asked = case.ask(now=now) if case else None
    if asked is not None and asked.asked_at is not None and asked.asked_at < now:
        return asked.asked_at
    if asked is not None:
        await cases.save(tx, asked)
    await links.save(tx, asking)
    by = outgoing.LINK_HOLDER
    event = outgoing.reconnect_asked(connection, asked, recipients, link_lifetime=LINK_LIFETIME, by=by, at=now)
    await outbox.add(tx, event)
    await history.add(tx, connection, history.Entry(now, "new_link_asked", by.type, by.id))
    return now


def _login(attempt: Attempt) -> LinkLogin:
    return LinkLogin(
        attempt_id=attempt.id,
        state=attempt.status,
        problem=attempt.problem,
        missing_permissions=attempt.missing_permissions,
    )


async def _reconnectable(tx: Tx, business_id: str, connection_id: str) -> Connection:
    """The connection, its row locked. Raises UnknownConnection and NotReconnectable."""
    connection = await connections.get_for_update(tx, business_id, connection_id)
    if connection.lifecycle not in RECONNECTABLE:
        raise NotReconnectable(connection.id, connection.lifecycle)
    return connection


async def _new_link(  # noqa: PLR0913 - what a link is made of
    tx: Tx,
    parts: Parts,
    connection: Connection,
    case: ReconnectCase | None,
    *,
    lifetime: timedelta,
    made_by: str | None,
) -> NewLink:
    """Its secret is told here once; only its hash is kept."""
    secret, now = secrets.token_urlsafe(32), parts.now()
    link = ReconnectLink(
        token_hash=hashed(secret),
        business_id=connection.business_id,
        connection_id=connection.id,
        case_id=case.id if case else None,
        generation=case.generation if case else connection.generation,
        created_at=now,
        expires_at=now + lifetime,
        made_by=made_by,
    )
    await links.add(tx, link)
    return NewLink(url=parts.addresses.link(secret), expires_at=link.expires_at)
