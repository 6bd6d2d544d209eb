"""The browser leaves for a provider's login and comes back. Whatever happens, it ends on a page that says what to do.

Only the browser that asked for the attempt may leave, by the cookie that web-svc gave it (`BINDING`): otherwise
somebody could send his own address to a stranger, whose organisation would end up in the sender's business. A callback
is followed only in the browser that left, once, within the attempt's time, and under the `state` of its latest leave.
No transaction is open while the provider is called: the `state` is spent first, so that the same address opened twice
asks the provider once.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

import structlog
from fastapi import APIRouter, Cookie, Request
from fastapi.responses import RedirectResponse

from chassis import outbox
from chassis.database import Tx
from connection_svc import incoming, metrics, outgoing
from connection_svc.api.confirm import end_damaged, tell_failure, tell_mismatch
from connection_svc.api.parts import Parts
from connection_svc.domain.attempt import (
    Attempt,
    AttemptOver,
    AttemptStatus,
    Channel,
    ComebackRefused,
    ForeignBrowser,
    OfferedOrganisation,
    Problem,
)
from connection_svc.domain.connection import Connection
from connection_svc.domain.grant import Tokens
from connection_svc.store import attempts, connections, history
from connection_svc.store.sealing import Undecipherable
from providers import Provider
from providers.errors import GrantRefused, ProviderError
from providers.models import Organisation as ProviderOrganisation

BINDING = "relink_binding"
COOKIE = "relink_attempt"
PROVIDER_TIMEOUT = timedelta(seconds=20)  # somebody is waiting before a blank page

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Browser:
    """What our cookie says: which attempt this browser left for, and the secret that proves it."""

    attempt_id: str
    secret: str

    @classmethod
    def of(cls, cookie: str | None) -> "Browser | None":
        """None for no cookie and for one that we did not write."""
        attempt_id, dot, secret = (cookie or "").partition(".")
        return cls(attempt_id, secret) if dot else None


def router(parts: Parts) -> APIRouter:
    """`/oauth`: the only routes that need no token, because they are opened by browsers."""
    routes = APIRouter(prefix="/oauth", include_in_schema=False)

    @routes.get("/start/{attempt_id}")
    async def start(attempt_id: str, binding: Annotated[str | None, Cookie(alias=BINDING)] = None) -> RedirectResponse:
        """Send the browser that asked to the provider's login. In any other one nothing changes."""
        state, secret, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        now = parts.now()
        try:
            async with parts.database.transaction() as tx:
                attempt = await attempts.get_by_id_for_update(tx, attempt_id)
                left = attempt.leave(binding=binding, state=state, browser=secret, now=now)
                connection = await connections.get_for_update(tx, left.business_id, left.connection_id)
                await attempts.save(tx, left)
                await attempts.keep_verifier(tx, parts.vault, left, verifier)
                await outbox.add(tx, outgoing.authorisation_started(connection, left, at=now))
                by = outgoing.starter(left)
                await history.add(tx, connection, history.Entry(now, "login_started", by.type, by.id, left.facts))
        except attempts.UnknownAttempt:
            return _to(parts.addresses.problem(Problem.STATE_UNKNOWN))
        except ForeignBrowser:
            metrics.count_attempt(attempt, Problem.FOREIGN_BROWSER)
            return _to(parts.addresses.problem(Problem.FOREIGN_BROWSER))
        except AttemptOver:
            return _to(attempt.return_to)
        url = parts.providers[left.provider].authorise_url(
            state, _challenge(verifier), parts.addresses.callback(left.provider)
        )
        response = _to(url)
        response.set_cookie(
            COOKIE,
            f"{left.id}.{secret}",
            path="/oauth",
            httponly=True,
            samesite="lax",
            secure=parts.addresses.public_url.startswith("https:"),
        )
        return response

    @routes.get("/callback/{provider}")
    async def callback(
        provider: str, request: Request, cookie: Annotated[str | None, Cookie(alias=COOKIE)] = None
    ) -> RedirectResponse:
        """The provider's return. Opened again it lands on the present state and changes nothing."""
        if provider not in parts.providers:
            return _to(parts.addresses.problem(Problem.STATE_UNKNOWN))
        return await Comeback(parts, parts.providers[provider]).follow(request.query_params, Browser.of(cookie))

    return routes


class Comeback:
    """One return from a provider's login."""

    def __init__(self, parts: Parts, provider: Provider) -> None:
        self._parts = parts
        self._provider = provider

    async def follow(self, params: Mapping[str, str], browser: Browser | None) -> RedirectResponse:
        """Where the browser goes next, once everything that can be done is done."""
        entered = await self._enter(params, browser)
        if isinstance(entered, RedirectResponse):
            return entered
        attempt, verifier = entered
        problem = self._problem_in(params)
        if problem is None:
            problem = await self._exchange(attempt, verifier, params)
        if problem is not None:
            await self._fail(attempt, problem)
        return _to(attempt.return_to)

    async def _enter(
        self, params: Mapping[str, str], browser: Browser | None
    ) -> tuple[Attempt, str] | RedirectResponse:
        """Spend the `state`: the attempt and its verifier, or where to go when this callback must not be followed."""
        now = self._parts.now()
        async with self._parts.database.transaction() as tx:
            attempt = await attempts.find_by_state_for_update(tx, params.get("state", ""), provider=self._provider.name)
            if attempt is None:
                return await self._refuse_unknown_state(tx, browser)
            try:
                entered = attempt.come_back(browser=browser.secret if browser else None, now=now)
            except ComebackRefused as refusal:
                return await self._refuse(tx, attempt, refusal.problem)
            try:
                verifier = await attempts.verifier_of(tx, self._parts.vault, entered)
            except Undecipherable as damage:
                await end_damaged(tx, entered, damage, at=now)
                return _to(attempt.return_to)
            await attempts.save(tx, entered)
            return await attempts.get_by_id_for_update(tx, attempt.id), verifier

    async def _refuse(self, tx: Tx, attempt: Attempt, problem: Problem) -> RedirectResponse:
        """Nothing changes. The browser that left lands on the attempt's page, a stranger on one that tells nothing."""
        if problem is Problem.FOREIGN_BROWSER:
            await tell_failure(tx, attempt, problem, at=self._parts.now())
            return _to(self._parts.addresses.problem(problem))
        if problem is Problem.TIMED_OUT and attempt.status is AttemptStatus.STARTED:
            await attempts.save(tx, attempt.end(AttemptStatus.TIMED_OUT, problem))
            await tell_failure(tx, attempt, problem, at=self._parts.now())
        else:  # the same address again, or the clock was faster: all is said already
            metrics.count_attempt(attempt, problem)
        return _to(attempt.return_to)

    async def _refuse_unknown_state(self, tx: Tx, browser: Browser | None) -> RedirectResponse:
        """A foreign `state`, or one from before the attempt was started again."""
        try:
            attempt = await attempts.get_by_id_for_update(tx, browser.attempt_id if browser else "")
        except attempts.UnknownAttempt:
            attempt = None
        if attempt is None or browser is None or not attempt.is_from(browser.secret):
            metrics.attempts.labels(self._provider.name, Problem.STATE_UNKNOWN).inc()
        else:
            await tell_failure(tx, attempt, Problem.STATE_UNKNOWN, at=self._parts.now())
        return _to(self._parts.addresses.problem(Problem.STATE_UNKNOWN))

    def _problem_in(self, params: Mapping[str, str]) -> Problem | None:
        """What the provider's answer says by itself."""
        issuer = self._parts.issuers.get(self._provider.name)
        if issuer is not None and params.get("iss") != issuer:
            return Problem.ISSUER_MISMATCH
        if "error" in params:
            return Problem.DENIED if params["error"] == "access_denied" else Problem.PROVIDER_ERROR
        return None if params.get("code") else Problem.NO_CODE

    async def _exchange(self, attempt: Attempt, verifier: str, params: Mapping[str, str]) -> Problem | None:
        """Turn the code into tokens and organisations, then keep both in one transaction. None: all is told."""
        now, callback = self._parts.now(), self._parts.addresses.callback(attempt.provider)
        try:
            async with asyncio.timeout(PROVIDER_TIMEOUT.total_seconds()):
                granted = await self._provider.exchange(params["code"], verifier, callback, params, now)
                organisations = await self._provider.organisations(granted)
        except GrantRefused as refusal:
            if refusal.reason != "scope_missing":
                return Problem.PROVIDER_ERROR
            await self._fail(attempt, Problem.SCOPE_MISSING, missing=refusal.missing)
            return None
        except (ProviderError, TimeoutError) as error:
            _log.warning("attempt.provider_error", attempt_id=attempt.id, error=str(error))
            return Problem.PROVIDER_ERROR
        return await self._keep(attempt, incoming.tokens_from(granted, self._provider, now=now), organisations)

    async def _keep(self, attempt: Attempt, tokens: Tokens, granted: list[ProviderOrganisation]) -> Problem | None:
        """The organisations wait to be chosen; where nobody wants to be asked and the expected one is there, it is."""
        offered = tuple(OfferedOrganisation(one.id, one.name, one.country, one.currency) for one in granted)
        async with self._parts.database.transaction() as tx:
            current = await attempts.get_for_update(tx, attempt.business_id, attempt.id)
            if current.status is not AttemptStatus.STARTED or current.state_hash != attempt.state_hash:
                return None  # cancelled, or started again: this login is somebody's past
            connection = await connections.get_for_update(tx, attempt.business_id, attempt.connection_id)
            if connection.has_ended:
                return Problem.CONNECTION_ENDED
            if not offered:
                return Problem.NO_ORGANISATION
            return await self._offer(tx, current, connection, offered, tokens)

    async def _offer(
        self,
        tx: Tx,
        attempt: Attempt,
        connection: Connection,
        granted: tuple[OfferedOrganisation, ...],
        tokens: Tokens,
    ) -> Problem | None:
        now, by, expected = self._parts.now(), outgoing.starter(attempt), attempt.expects(connection)
        has_expected = expected is None or expected.id in {organisation.id for organisation in granted}
        if not has_expected:
            await tell_mismatch(tx, connection, replace(attempt, offered=granted), by=by, at=now)
            if attempt.channel is Channel.LINK:
                return Problem.ORGANISATION_MISMATCH
        await attempts.save(tx, attempt.offer(granted, expected=expected))
        await attempts.keep_tokens(tx, self._parts.vault, attempt, tokens)
        await history.add(tx, connection, history.Entry(now, "login_allowed", by.type, by.id, attempt.facts))
        if expected is not None and has_expected and not connection.settings.always_ask_organisation:
            returned = await attempts.get_for_update(tx, attempt.business_id, attempt.id)
            organisation = returned.choose(expected.id, now=now)
            await self._parts.confirmations.confirm(tx, returned, organisation, by=by, now=now)
        return None

    async def _fail(self, attempt: Attempt, problem: Problem, *, missing: tuple[str, ...] = ()) -> None:
        """End the attempt, unless it was cancelled or started again meanwhile."""
        async with self._parts.database.transaction() as tx:
            current = await attempts.get_for_update(tx, attempt.business_id, attempt.id)
            if current.status is AttemptStatus.STARTED and current.state_hash == attempt.state_hash:
                failed = current.end(AttemptStatus.FAILED, problem, missing=missing)
                await attempts.save(tx, failed)
                await tell_failure(tx, failed, problem, at=self._parts.now())


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _to(url: str) -> RedirectResponse:
    """The answer to a form is another page; nothing of it is kept, for the address has held secrets."""
    return RedirectResponse(url, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
