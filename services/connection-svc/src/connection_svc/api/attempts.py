"""Journeys to a provider's login, as the people who make them see them.

One person at a time is on the way to a connection. Whoever begins again ends his own earlier journey; somebody else's
is joined (any administrator may choose the organisation of a login that came back) or taken over.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Response

from chassis.database import Tx
from chassis.service_tokens import Caller
from connection_svc import metrics, outgoing
from connection_svc.api import callers, problems
from connection_svc.api.confirm import end_damaged, tell_mismatch
from connection_svc.api.parts import Parts
from connection_svc.api.wire import (
    AttemptPage,
    AttemptView,
    ChosenOrganisation,
    ConnectionView,
    Id,
    NewAttempt,
    Offered,
    StartedAttempt,
)
from connection_svc.domain.attempt import (
    Attempt,
    AttemptOver,
    AttemptRunning,
    AttemptStatus,
    Channel,
    Intent,
    OfferedOrganisation,
    Problem,
)
from connection_svc.domain.connection import (
    RECONNECTABLE,
    Connection,
    Lifecycle,
    NotChangeable,
    NotReconnectable,
    Organisation,
    OrganisationMismatch,
)
from connection_svc.domain.reconnect import masked_id
from connection_svc.store import attempts, connections, history
from connection_svc.store.connections import Owner
from connection_svc.store.sealing import Undecipherable
from relink_contracts.envelope import Actor
from relink_contracts.ids import new_id

LIFETIME = timedelta(minutes=30)


def is_under(address: str, base: str) -> bool:
    """Whether a browser that is sent to `address` stays with the pages at `base`."""
    wanted, ours = urlsplit(address), urlsplit(base)
    is_plain = address.isascii() and address.isprintable() and not set(address) & {"\\", " "}
    return is_plain and (wanted.scheme, wanted.netloc) == (ours.scheme, ours.netloc)


def new_attempt(  # noqa: PLR0913 - everything that is known of a journey when it begins
    connection: Connection,
    intent: Intent,
    *,
    provider: str,
    channel: Channel,
    return_to: str,
    by: str,
    binding_hash: bytes,
    now: datetime,
) -> Attempt:
    """An attempt that begins now. The page to come back to is told which attempt it is about."""
    attempt_id = new_id("att")
    page = urlsplit(return_to)
    query = f"{page.query}&attempt={attempt_id}" if page.query else f"attempt={attempt_id}"
    return Attempt(
        id=attempt_id,
        business_id=connection.business_id,
        connection_id=connection.id,
        provider=provider,
        intent=intent,
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
        prefix="/api/v1/connection-attempts",
        tags=["attempts"],
        **problems.TRANSLATED,
    )
    _for_the_way(routes, parts)
    _for_the_end(routes, parts)
    return routes


def _for_the_way(routes: APIRouter, parts: Parts) -> None:
    administrator = callers.administrators(parts.gate)

    @routes.post("", status_code=201)
    async def begin(
        wanted: NewAttempt, caller: Annotated[Caller, Depends(administrator)], response: Response
    ) -> StartedAttempt:
        """Begin to connect, reconnect or change; the answer says where the browser goes. Nothing has left yet.

        409 `attempt_running` while somebody else is on the way to the same connection, unless `take_over` is set;
        409 `provider_paused` while an operator lets nobody go to the provider's login.
        """
        _refuse_unfit(wanted, parts)
        now = parts.now()
        async with parts.database.transaction() as tx:
            if wanted.connection_id is not None:
                by = outgoing.user(caller.subject)
                await end_others(
                    tx, caller.business_id, wanted.connection_id, by=by, take_over=wanted.take_over, now=now
                )
            connection = await _connection_for(tx, wanted, caller, now=now)
            attempt = new_attempt(
                connection,
                wanted.intent,
                provider=wanted.provider,
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

    @routes.get("")
    async def running(connection_id: Id, caller: Annotated[Caller, Depends(administrator)]) -> AttemptPage:
        """Who is on the way to this connection at present, and how far: to join, or to take over."""
        now = parts.now()
        async with parts.database.acquire() as tx:
            connection = await connections.get(tx, caller.business_id, connection_id)
            found = await attempts.running(tx, caller.business_id, connection.id, now=now)
            return AttemptPage(items=[await _view(tx, attempt, now=now) for attempt in found])

    @routes.get("/{attempt_id}")
    async def show(attempt_id: Id, caller: Annotated[Caller, Depends(administrator)]) -> AttemptView:
        """How far it got, which organisations the login brought, and what went wrong."""
        async with parts.database.acquire() as tx:
            attempt = await attempts.get(tx, caller.business_id, attempt_id)
            return await _view(tx, attempt, now=parts.now())


def _for_the_end(routes: APIRouter, parts: Parts) -> None:
    administrator = callers.administrators(parts.gate)

    @routes.post("/{attempt_id}/organisation")
    async def choose(
        attempt_id: Id, choice: ChosenOrganisation, caller: Annotated[Caller, Depends(administrator)]
    ) -> ConnectionView:
        """Confirm the organisation: the connection works from here on, or the one that takes its place.

        409 `organisation_mismatch` for another one than a reconnected connection belongs to, unless `switch` is set.
        """
        now, by = parts.now(), outgoing.user(caller.subject)
        refusal: OrganisationMismatch | AttemptOver | None = None
        async with parts.database.transaction() as tx:
            attempt = await attempts.get_for_update(tx, caller.business_id, attempt_id)
            organisation = attempt.choose(choice.organisation_id, now=now)
            connection = await connections.get_for_update(tx, attempt.business_id, attempt.connection_id)
            if choice.switch:
                attempt = attempt.switch(connection, organisation)
            try:
                connection = await parts.confirmations.confirm(tx, attempt, organisation, by=by, now=now)
            except OrganisationMismatch as mismatch:
                refusal = mismatch
                await tell_mismatch(tx, connection, attempt, by=by, at=now)
            except Undecipherable as damage:
                refusal = AttemptOver(attempt.id, (await end_damaged(tx, attempt, damage, at=now)).status)
        if refusal is not None:
            raise refusal
        return ConnectionView.of(connection)

    @routes.post("/{attempt_id}/cancel")
    async def cancel(attempt_id: Id, caller: Annotated[Caller, Depends(administrator)]) -> AttemptView:
        """Give the journey up; what a login brought is forgotten, and the connection stays as it was."""
        now = parts.now()
        async with parts.database.transaction() as tx:
            attempt = await attempts.get_for_update(tx, caller.business_id, attempt_id)
            by = outgoing.user(caller.subject)
            await _cancel(tx, attempt.end(AttemptStatus.CANCELLED), by, what="login_cancelled", now=now)
            cancelled = await attempts.get(tx, caller.business_id, attempt_id)
            return await _view(tx, cancelled, now=now)


def _refuse_unfit(wanted: NewAttempt, parts: Parts) -> None:
    if wanted.provider not in parts.providers:
        raise problems.unknown_provider(wanted.provider)
    facts = parts.providers[wanted.provider].facts
    if wanted.provider in parts.paused:
        raise problems.provider_paused(facts.display_name)
    if wanted.channel == "mobile" and not facts.mobile:
        raise problems.provider_web_only(facts.display_name)
    if not is_under(wanted.return_to, parts.addresses.web_url):
        raise problems.return_to_refused()
    if wanted.connection_id is None and wanted.intent is not Intent.CONNECT:
        raise problems.connection_required()


async def end_others(  # noqa: PLR0913 - who takes over what
    tx: Tx, business_id: str, connection_id: str, *, by: Actor, take_over: bool, now: datetime
) -> None:
    """End the journeys to this connection that are under way. Raises AttemptRunning for somebody else's."""
    for attempt in await attempts.lock_running(tx, business_id, connection_id, now=now):
        is_own = attempt.started_by == by.id
        if not is_own and not take_over:
            raise AttemptRunning(attempt)
        cancelled = attempt.end(AttemptStatus.CANCELLED, None if is_own else Problem.TAKEN_OVER)
        await _cancel(tx, cancelled, by, what="login_begun_again" if is_own else "login_taken_over", now=now)


async def _cancel(tx: Tx, cancelled: Attempt, by: Actor, *, what: str, now: datetime) -> None:
    """Keep that it is cancelled, and by whom; what its login brought is forgotten."""
    await attempts.save(tx, cancelled)
    await attempts.forget_tokens(tx, cancelled)
    connection = await connections.get(tx, cancelled.business_id, cancelled.connection_id)
    details = cancelled.facts | {"begun_by": cancelled.started_by}
    await history.add(tx, connection, history.Entry(now, what, by.type, by.id, details))
    metrics.count_attempt(cancelled, cancelled.problem or cancelled.status)


async def _connection_for(tx: Tx, wanted: NewAttempt, caller: Caller, *, now: datetime) -> Connection:
    """A new pending connection, or the one that is named, if it is one for what is wanted."""
    if wanted.connection_id is None:
        connection = Connection(new_id("con"), caller.business_id, wanted.provider, created_at=now)
        return await connections.add(tx, connection, by=caller.subject)
    connection = await connections.get(tx, caller.business_id, wanted.connection_id)
    if wanted.intent is Intent.CHANGE:
        if connection.lifecycle not in RECONNECTABLE:
            raise NotChangeable(connection.id, connection.lifecycle)
        return connection
    fitting = RECONNECTABLE if wanted.intent is Intent.RECONNECT else {Lifecycle.PENDING}
    if connection.lifecycle not in fitting or connection.provider != wanted.provider:
        raise NotReconnectable(connection.id, connection.lifecycle)
    return connection


async def _view(tx: Tx, attempt: Attempt, *, now: datetime) -> AttemptView:
    connection = await connections.get(tx, attempt.business_id, attempt.connection_id)
    owners = await connections.owners(tx, attempt.provider, [organisation.id for organisation in attempt.offered])
    attempt, expected = attempt.as_of(now), attempt.expects(connection)
    is_changed = attempt.intent is Intent.CHANGE and attempt.status is AttemptStatus.ACTIVATED
    return AttemptView(
        attempt_id=attempt.id,
        connection_id=attempt.connection_id,
        new_connection_id=connection.replaced_by_connection_id if is_changed else None,
        provider=attempt.provider,
        intent=attempt.intent,
        channel=attempt.channel,
        state=attempt.status,
        organisations=[
            _offered(organisation, expected, owners.get(organisation.id), attempt) for organisation in attempt.offered
        ],
        ask=attempt.status is AttemptStatus.RETURNED,
        problem=attempt.problem,
        missing_permissions=attempt.missing_permissions,
        started_by=attempt.started_by,
        started_at=attempt.created_at,
        expires_at=attempt.expires_at,
    )


def _offered(
    organisation: OfferedOrganisation, expected: Organisation | None, owner: Owner | None, attempt: Attempt
) -> Offered:
    is_expected = expected is not None and expected.id == organisation.id
    taken_by = None if owner is None or is_expected else _whose(owner, attempt)
    return Offered(
        id=organisation.id,
        name=organisation.name,
        country=organisation.country,
        currency=organisation.currency,
        expected=is_expected,
        taken=taken_by is not None,
        taken_by=taken_by,
        owner_masked=masked_id(owner.business_id) if owner and taken_by == "another_business" else None,
    )


def _whose(owner: Owner, attempt: Attempt) -> Literal["this_connection", "this_business", "another_business"]:
    if owner.connection_id == attempt.connection_id:
        return "this_connection"
    return "this_business" if owner.business_id == attempt.business_id else "another_business"
