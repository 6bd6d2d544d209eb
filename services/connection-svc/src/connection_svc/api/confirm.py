"""An organisation is confirmed: the connection works from here on."""

from datetime import datetime, timedelta

import structlog

from chassis import outbox
from chassis.database import Tx
from connection_svc import metrics, outgoing
from connection_svc.domain.attempt import Attempt, AttemptStatus
from connection_svc.domain.connection import Connection, Organisation
from connection_svc.domain.reconnect import CaseOutcome
from connection_svc.store import attempts, cases, connections, grants, history
from connection_svc.store.sealing import Vault
from relink_contracts.envelope import Actor

_log = structlog.get_logger(__name__)


class Confirmations:
    """Turns a returned attempt into an active connection. `consent` is how long a consent counts."""

    def __init__(self, vault: Vault, consent: timedelta) -> None:
        self._vault = vault
        self._consent = consent

    async def confirm(
        self, tx: Tx, attempt: Attempt, organisation: Organisation, *, by: Actor, now: datetime
    ) -> Connection:
        """Establish or reconnect, and end the attempt and the open case, all in the caller's transaction.

        Settings stay as they are. Raises OrganisationMismatch and NotReconnectable before anything was written, and
        OrganisationTaken, after which the transaction is lost.
        """
        connection = await connections.get_for_update(tx, attempt.business_id, attempt.connection_id)
        tokens = await attempts.kept_tokens(tx, self._vault, attempt)
        active = connection.activate(organisation, scopes=tokens.scopes, now=now, consent=self._consent)
        await connections.save(tx, active)
        await grants.put(tx, self._vault, active, tokens)
        await attempts.save(tx, attempt.end(AttemptStatus.ACTIVATED))
        await attempts.forget_tokens(tx, attempt)
        await outbox.add(
            tx,
            outgoing.connection_activated(connection, active, by=by, at=now),
            outgoing.connection_state(active, by=by, at=now),
        )
        await close_case(tx, active, CaseOutcome.RECONNECTED, by=by, now=now)
        what = "connected" if connection.generation == 0 else "reconnected"
        details = {"organisation": organisation.name, "channel": attempt.channel.value}
        await history.add(tx, active, history.Entry(now, what, by.type, by.id, details))
        metrics.attempts.labels(active.provider, AttemptStatus.ACTIVATED).inc()
        _log.info(f"connection.{what}", connection_id=active.id, generation=active.generation)
        return active


async def close_case(tx: Tx, connection: Connection, outcome: CaseOutcome, *, by: Actor, now: datetime) -> None:
    """End the repair of this connection, if one is open."""
    case = await cases.find_open(tx, connection.business_id, connection.id)
    if case is None:
        return
    closed = case.close(outcome, now=now)
    await cases.save(tx, closed)
    await outbox.add(tx, outgoing.reconnect_completed(connection, closed, by=by, at=now))
