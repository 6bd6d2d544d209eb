"""An organisation is confirmed: the connection works from here on."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from chassis import outbox
from chassis.database import Tx
from connection_svc import metrics, outgoing
from connection_svc.domain.access_return import AccessReturn
from connection_svc.domain.attempt import (
    Attempt,
    AttemptStatus,
    Intent,
    OrganisationConnectedHere,
    OrganisationTaken,
    Problem,
)
from connection_svc.domain.connection import Connection, Organisation
from connection_svc.domain.grant import Tokens
from connection_svc.domain.reconnect import CaseOutcome
from connection_svc.store import access_returns, attempts, cases, connections, grants, history
from connection_svc.store.sealing import Undecipherable, Vault
from providers import Providers
from relink_contracts.envelope import Actor
from relink_contracts.ids import new_id

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Consent:
    """Somebody confirmed that this organisation is meant, after a login that brought these tokens."""

    attempt: Attempt
    organisation: Organisation
    tokens: Tokens
    by: Actor
    at: datetime


class Confirmations:
    """Turns a returned attempt into an active connection. `lasting` is how long a consent counts."""

    def __init__(self, vault: Vault, lasting: timedelta, providers: Providers) -> None:
        self._vault = vault
        self._lasting = lasting
        self._providers = providers

    async def confirm(
        self, tx: Tx, attempt: Attempt, organisation: Organisation, *, by: Actor, now: datetime
    ) -> Connection:
        """Establish, reconnect or change, and end the attempt and the open case, all in the caller's transaction.

        A reconnect changes no setting; a change leaves the old connection's history and lists, and has its access
        given back. Raises OrganisationMismatch, OrganisationTaken, OrganisationUnchanged, NotReconnectable,
        NotChangeable and Undecipherable before anything was written; OrganisationTaken also when another business was
        faster by a moment: then the transaction is lost.
        """
        connection = await connections.get_for_update(tx, attempt.business_id, attempt.connection_id)
        tokens = await attempts.kept_tokens(tx, self._vault, attempt)
        consent = _Consent(attempt, organisation, tokens, by, now)
        confirm = self._change if attempt.intent is Intent.CHANGE else self._activate
        active = await confirm(tx, consent, connection)
        await attempts.save(tx, attempt.end(AttemptStatus.ACTIVATED))
        await attempts.forget_tokens(tx, attempt)
        metrics.count_attempt(attempt, AttemptStatus.ACTIVATED)
        return active

    async def _activate(self, tx: Tx, consent: _Consent, connection: Connection) -> Connection:
        """The connection itself works from here on."""
        active = connection.activate(
            consent.organisation, scopes=consent.tokens.scopes, now=consent.at, consent=self._lasting
        )
        await _refuse_taken(tx, connection, consent)
        await self._begin_to_work(tx, consent, connection, active)
        await close_case(tx, active, CaseOutcome.RECONNECTED, by=consent.by, now=consent.at)
        return active

    async def _change(self, tx: Tx, consent: _Consent, old: Connection) -> Connection:
        """A new connection takes the place of the old one."""
        provider, now, by = consent.attempt.provider, consent.at, consent.by
        warns = self._providers[provider].facts.supports_supplier_warning
        pending = old.successor(new_id("con"), provider, supports_supplier_warning=warns, now=now)
        replaced = old.give_way(pending, consent.organisation, now=now)
        await _refuse_taken(tx, old, consent)
        begun = await connections.add(tx, pending, by=by.id)
        active = begun.activate(consent.organisation, scopes=consent.tokens.scopes, now=now, consent=self._lasting)
        await self._begin_to_work(tx, consent, begun, active)
        await connections.save(tx, replaced)
        await outbox.add(
            tx,
            outgoing.connection_changed(replaced, active, by=by, at=now),
            outgoing.connection_state(replaced, by=by, at=now),
        )
        await access_returns.add(tx, AccessReturn(replaced.id, replaced.business_id, since=now, due_at=now))
        await close_case(tx, replaced, CaseOutcome.CHANGED, by=by, now=now)
        details = _details(consent) | {"provider": provider}
        await history.add(tx, replaced, history.Entry(now, "changed", by.type, by.id, details))
        return active

    async def _begin_to_work(self, tx: Tx, consent: _Consent, before: Connection, active: Connection) -> None:
        now, by = consent.at, consent.by
        await connections.save(tx, active)
        await grants.put(tx, self._vault, active, consent.tokens)
        await outbox.add(
            tx,
            outgoing.connection_activated(before, active, by=by, at=now),
            outgoing.connection_state(active, by=by, at=now),
        )
        what = "connected" if before.generation == 0 else "reconnected"
        await history.add(tx, active, history.Entry(now, what, by.type, by.id, _details(consent)))
        _log.info(f"connection.{what}", connection_id=active.id, generation=active.generation)


def _details(consent: _Consent) -> dict[str, str]:
    return {"organisation": consent.organisation.name, "channel": consent.attempt.channel.value}


async def _refuse_taken(tx: Tx, connection: Connection, consent: _Consent) -> None:
    """Raises OrganisationTaken when another connection than this one leads to the organisation."""
    organisation = consent.organisation
    owners = await connections.owners(tx, consent.attempt.provider, [organisation.id])
    owner = owners.get(organisation.id)
    if owner is None or owner.connection_id == connection.id:
        return
    if owner.business_id == connection.business_id:
        raise OrganisationConnectedHere(organisation)
    raise OrganisationTaken(organisation)


async def tell_mismatch(tx: Tx, connection: Connection, attempt: Attempt, *, by: Actor, at: datetime) -> None:
    """Say that the login brought, or somebody chose, another organisation. Nothing was activated."""
    expected = connection.organisation
    assert expected is not None, "there is nothing to compare with before the first consent"
    await outbox.add(tx, outgoing.organisation_mismatched(connection, attempt, expected, by=by, at=at))
    details = {"expected": expected.name, "offered": [organisation.name for organisation in attempt.offered]}
    await history.add(tx, connection, history.Entry(at, "organisation_mismatched", by.type, by.id, details))


async def tell_failure(tx: Tx, attempt: Attempt, problem: Problem, *, at: datetime) -> None:
    """Say that a login brought nothing, and why."""
    connection = await connections.get_for_update(tx, attempt.business_id, attempt.connection_id)
    await outbox.add(tx, outgoing.authorisation_failed(connection, attempt, problem, at=at))
    by, details = outgoing.starter(attempt), attempt.facts | {"problem": problem.value}
    await history.add(tx, connection, history.Entry(at, "login_failed", by.type, by.id, details))
    metrics.count_attempt(attempt, problem)


async def end_damaged(tx: Tx, attempt: Attempt, damage: Undecipherable, *, at: datetime) -> Attempt:
    """End a login whose secrets were damaged where we keep them; a person is called. Starting again brings others."""
    metrics.undecipherable.labels(damage.place.table).inc()
    _log.error("attempt.undecipherable", attempt_id=attempt.id, error=str(damage))
    ended = attempt.end(AttemptStatus.FAILED, Problem.STATE_UNKNOWN)
    await attempts.save(tx, ended)
    await attempts.forget_tokens(tx, ended)
    await tell_failure(tx, ended, Problem.STATE_UNKNOWN, at=at)
    return ended


async def close_case(tx: Tx, connection: Connection, outcome: CaseOutcome, *, by: Actor, now: datetime) -> None:
    """End the repair of this connection, if one is open."""
    case = await cases.find_open(tx, connection.business_id, connection.id)
    if case is None:
        return
    closed = case.close(outcome, now=now)
    await cases.save(tx, closed)
    await outbox.add(tx, outgoing.reconnect_completed(connection, closed, by=by, at=now))
    metrics.reconnect_duration.labels(connection.provider, outcome).observe(case.open_for(now=now).total_seconds())
