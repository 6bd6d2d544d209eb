"""Journeys to a provider's login, as the person who makes them sees them."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Response

from chassis import outbox
from chassis.database import Tx
from chassis.service_tokens import Caller
from connection_svc import outgoing
from connection_svc.api import callers, problems
from connection_svc.api.parts import Parts
from connection_svc.api.wire import (
    AttemptView,
    ChosenOrganisation,
    ConnectionView,
    NewAttempt,
    Offered,
    StartedAttempt,
)
from connection_svc.domain.attempt import Attempt, AttemptStatus, Channel, Intent
from connection_svc.domain.connection import RECONNECTABLE, Connection, NotReconnectable, OrganisationMismatch
from connection_svc.store import attempts, connections
from relink_contracts.ids import new_id

LIFETIME = timedelta(minutes=30)


def is_under(address: str, base: str) -> bool:
    """Whether a browser that is sent to `address` stays with the pages at `base`."""
    wanted, ours = urlsplit(address), urlsplit(base)
    is_plain = address.isascii() and address.isprintable() and not set(address) & {"\\", " "}
    return is_plain and (wanted.scheme, wanted.netloc) == (ours.scheme, ours.netloc)


def new_attempt(  # noqa: PLR0913 - everything that is known of a journey when it begins
    connection: Connection, *, channel: Channel, return_to: str, by: str, binding_hash: bytes, now: datetime
) -> Attempt:
    """An attempt that begins now. The page to come back to is told which attempt it is about."""
    attempt_id = new_id("att")
    page = urlsplit(return_to)
    query = f"{page.query}&attempt={attempt_id}" if page.query else f"attempt={attempt_id}"
    return Attempt(
        id=attempt_id,
        business_id=connection.business_id,
        connection_id=connection.id,
        provider=connection.provider,
        intent=Intent.RECONNECT if connection.lifecycle in RECONNECTABLE else Intent.CONNECT,
        channel=channel,
        return_to=page._replace(query=query).geturl(),
        started_by=by,
        binding_hash=binding_hash,
        created_at=now,
        expires_at=now + LIFETIME,
    )


def router(parts: Parts) -> APIRouter:
    """The resource `connection-attempts`."""
    routes = APIRouter(
        prefix="/api/v1/connection-attempts", tags=["attempts"], dependencies=[Depends(problems.translated)]
    )
    administrator = callers.administrators(parts.gate)

    @routes.post("", status_code=201)
    async def begin(
        wanted: NewAttempt, caller: Annotated[Caller, Depends(administrator)], response: Response
    ) -> StartedAttempt:
        """Begin to connect or reconnect; the answer says where the browser goes. Nothing has left for the provider."""
        if wanted.provider not in parts.providers:
            raise problems.unknown_provider(wanted.provider)
        if not is_under(wanted.return_to, parts.addresses.web_url):
            raise problems.return_to_refused()
        now = parts.now()
        async with parts.database.transaction() as tx:
            connection = await _connection_for(tx, wanted, caller, now=now)
            attempt = new_attempt(
                connection,
                channel=Channel(wanted.channel),
                return_to=wanted.return_to,
                by=caller.subject,
                binding_hash=wanted.binding_hash,
                now=now,
            )
            await attempts.add(tx, attempt)
        response.headers["Location"] = f"/api/v1/connection-attempts/{attempt.id}"
        return StartedAttempt(
            attempt_id=attempt.id,
            connection_id=connection.id,
            start_url=parts.addresses.start(attempt.id),
            expires_at=attempt.expires_at,
        )

    @routes.get("/{attempt_id}")
    async def show(attempt_id: str, caller: Annotated[Caller, Depends(administrator)]) -> AttemptView:
        """How far it got, which organisations the login brought, and what went wrong."""
        async with parts.database.acquire() as tx:
            attempt = await attempts.get(tx, caller.business_id, attempt_id)
            return await _view(tx, attempt, now=parts.now())

    @routes.post("/{attempt_id}/organisation")
    async def choose(
        attempt_id: str, choice: ChosenOrganisation, caller: Annotated[Caller, Depends(administrator)]
    ) -> ConnectionView:
        """Confirm the organisation: the connection works from here on. 409 for another one than it belongs to."""
        now, by = parts.now(), outgoing.user(caller.subject)
        refusal: OrganisationMismatch | None = None
        async with parts.database.transaction() as tx:
            attempt = await attempts.get_for_update(tx, caller.business_id, attempt_id)
            organisation = attempt.choose(choice.organisation_id, now=now)
            try:
                connection = await parts.confirmations.confirm(tx, attempt, organisation, by=by, now=now)
            except OrganisationMismatch as mismatch:
                refusal = mismatch
                connection = await connections.get_for_update(tx, attempt.business_id, attempt.connection_id)
                await outbox.add(
                    tx, outgoing.organisation_mismatched(connection, attempt, mismatch.expected, by=by, at=now)
                )
        if refusal is not None:
            raise refusal
        return ConnectionView.of(connection)

    @routes.post("/{attempt_id}/cancel")
    async def cancel(attempt_id: str, caller: Annotated[Caller, Depends(administrator)]) -> AttemptView:
        """Give the journey up; what a login brought is forgotten."""
        async with parts.database.transaction() as tx:
            attempt = await attempts.get_for_update(tx, caller.business_id, attempt_id)
            await attempts.save(tx, attempt.end(AttemptStatus.CANCELLED))
            await attempts.forget_tokens(tx, attempt)
            cancelled = await attempts.get(tx, caller.business_id, attempt_id)
            return await _view(tx, cancelled, now=parts.now())

    return routes


async def _connection_for(tx: Tx, wanted: NewAttempt, caller: Caller, *, now: datetime) -> Connection:
    """A new pending connection, or the one that is named. A pending one that is named is finished, not begun anew."""
    if wanted.connection_id is None and wanted.intent == "connect":
        connection = Connection(new_id("con"), caller.business_id, wanted.provider, created_at=now)
        await connections.add(tx, connection, by=caller.subject)
        return connection
    connection = await connections.get(tx, caller.business_id, wanted.connection_id or "")
    expected = RECONNECTABLE if wanted.intent == "reconnect" else {"pending"}
    if connection.lifecycle not in expected or connection.provider != wanted.provider:
        raise NotReconnectable(connection.id, connection.lifecycle)
    return connection


async def _view(tx: Tx, attempt: Attempt, *, now: datetime) -> AttemptView:
    connection = await connections.get(tx, attempt.business_id, attempt.connection_id)
    taken = await connections.taken(tx, connection, [organisation.id for organisation in attempt.offered])
    expected = connection.organisation.id if connection.organisation else None
    has_timed_out = attempt.status in {AttemptStatus.STARTED, AttemptStatus.RETURNED} and attempt.is_over(now=now)
    status = AttemptStatus.TIMED_OUT if has_timed_out else attempt.status
    return AttemptView(
        attempt_id=attempt.id,
        connection_id=attempt.connection_id,
        provider=attempt.provider,
        intent=attempt.intent,
        channel=attempt.channel,
        state=status,
        organisations=[
            Offered(
                id=organisation.id,
                name=organisation.name,
                country=organisation.country,
                currency=organisation.currency,
                expected=organisation.id == expected,
                taken=organisation.id in taken,
            )
            for organisation in attempt.offered
        ],
        ask=status is AttemptStatus.RETURNED,
        problem=attempt.problem,
        expires_at=attempt.expires_at,
    )
