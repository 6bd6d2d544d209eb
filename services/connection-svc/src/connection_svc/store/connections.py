"""Connections with their settings."""

from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from chassis.database import Tx
from connection_svc.domain.attempt import OrganisationTaken
from connection_svc.domain.connection import (
    Connection,
    ExpiryReason,
    Lifecycle,
    Organisation,
    Settings,
    SettingsChange,
    watch_at,
)

_SELECT = """
SELECT c.*, s.version AS settings_version, s.warn_new_supplier, s.always_ask_organisation, s.auto_publish,
       s.default_destination
  FROM connections c JOIN connection_settings s ON s.connection_id = c.id
"""

GET = _SELECT + " WHERE c.id = $1 AND c.business_id = $2"

GET_FOR_UPDATE = GET + " FOR UPDATE OF c"

OF_BUSINESS = _SELECT + " WHERE c.business_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3"

EVERY = _SELECT + " WHERE c.generation > 0 AND c.id > $1 ORDER BY c.id LIMIT $2 FOR UPDATE OF c"

WATCHED_AT_ONCE = 50

# Another worker's batch is passed over, so that several replicas share the work and none says a thing twice. The limit
# is written out: with a parameter in its place PostgreSQL plans the query anew each time.
WATCHED = f"{_SELECT} WHERE c.watch_at <= $1 ORDER BY c.watch_at LIMIT {WATCHED_AT_ONCE} FOR UPDATE OF c SKIP LOCKED"

OWNERS = """
SELECT organisation_id, id, business_id FROM connections
 WHERE provider = $1 AND organisation_id = ANY($2) AND lifecycle IN ('active', 'expired', 'revoked')
"""

INSERT = """
INSERT INTO connections (id, business_id, provider, lifecycle, generation, scopes, replaces_connection_id, created_at,
                         revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
"""

INSERT_SETTINGS = """
INSERT INTO connection_settings (connection_id, business_id, version, warn_new_supplier, always_ask_organisation,
                                 auto_publish, default_destination, changed, changed_by, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, '{}', $8, $9)
"""

SAVE = """
UPDATE connections
   SET lifecycle = $4, generation = $5, organisation_id = $6, organisation_name = $7, scopes = $8, connected_at = $9,
       consent_expires_at = $10, warned_stage = $11, watch_at = $12, ended_at = $13, expiry_reason = $14,
       replaced_by_connection_id = $15, revision = revision + 1
 WHERE id = $1 AND business_id = $2 AND revision = $3
"""

SAVE_SETTINGS = """
UPDATE connection_settings
   SET version = $4, warn_new_supplier = $5, always_ask_organisation = $6, auto_publish = $7, default_destination = $8,
       changed = $9, changed_by = $10, changed_at = $11
 WHERE connection_id = $1 AND business_id = $2 AND version = $3
"""

LATEST_CHANGE = """
SELECT changed, changed_by, changed_at FROM connection_settings WHERE connection_id = $1 AND business_id = $2
"""


COUNT = "SELECT lifecycle, provider, count(*) AS number FROM connections GROUP BY lifecycle, provider"

COUNT_EXPIRING = """
SELECT ceil(extract(epoch FROM consent_expires_at - $1) / 86400)::int AS days, count(*) AS number
  FROM connections WHERE lifecycle = 'active' AND consent_expires_at <= $2 GROUP BY days
"""


class UnknownConnection(LookupError):
    """The business has no such connection; somebody else's is unknown, too."""

    def __init__(self, connection_id: str) -> None:
        self.connection_id = connection_id
        super().__init__(f"there is no connection {connection_id}")


class ChangedMeanwhile(Exception):
    """Somebody saved the row after it was read: read it again and decide anew."""

    def __init__(self, entity_id: str, revision: int) -> None:
        self.entity_id, self.revision = entity_id, revision
        super().__init__(f"{entity_id} is no longer at revision {revision}")


async def get(tx: Tx, business_id: str, connection_id: str) -> Connection:
    """Raises UnknownConnection."""
    return _required(await tx.fetchrow(GET, connection_id, business_id), connection_id)


async def get_for_update(tx: Tx, business_id: str, connection_id: str) -> Connection:
    """The connection, its row locked: whoever says an event about it holds this. Raises UnknownConnection."""
    return _required(await tx.fetchrow(GET_FOR_UPDATE, connection_id, business_id), connection_id)


async def of_business(tx: Tx, business_id: str, *, after: str, limit: int) -> list[Connection]:
    """In the order they were begun, from behind the id `after`."""
    return [_connection(row) for row in await tx.fetch(OF_BUSINESS, business_id, after, limit)]


async def every_established(tx: Tx, *, after: str, limit: int) -> list[Connection]:
    """A page of all businesses' connections that were ever active, locked, to say their states again."""
    return [_connection(row) for row in await tx.fetch(EVERY, after, limit)]


async def lock_watched(tx: Tx, *, now: datetime) -> list[Connection]:
    """Up to WATCHED_AT_ONCE, of any business, about which the yearly clock has something to say, locked."""
    return [_connection(row) for row in await tx.fetch(WATCHED, now)]


@dataclass(frozen=True)
class Owner:
    """The living connection that leads to an organisation, and the business it is of."""

    connection_id: str
    business_id: str


async def owners(tx: Tx, provider: str, organisation_ids: list[str]) -> dict[str, Owner]:
    """Those of the organisations that a connection, of whatever business, leads to."""
    rows = await tx.fetch(OWNERS, provider, organisation_ids)
    return {row["organisation_id"]: Owner(row["id"], row["business_id"]) for row in rows}


async def count(tx: Tx) -> dict[tuple[str, str], int]:
    """How many there are of each lifecycle and provider, over all businesses."""
    return {(row["lifecycle"], row["provider"]): row["number"] for row in await tx.fetch(COUNT)}


async def count_expiring(tx: Tx, *, now: datetime, until: datetime) -> dict[int, int]:
    """How many active ones' consents end by then, by the days that are left, rounded up."""
    return {row["days"]: row["number"] for row in await tx.fetch(COUNT_EXPIRING, now, until)}


async def add(tx: Tx, connection: Connection, *, by: str) -> Connection:
    """Keep a new connection, pending and with the settings it begins with; as it is in the database then."""
    await tx.execute(
        INSERT,
        connection.id,
        connection.business_id,
        connection.provider,
        connection.lifecycle,
        connection.generation,
        list(connection.scopes),
        connection.replaces_connection_id,
        connection.created_at,
    )
    settings = connection.settings
    await tx.execute(
        INSERT_SETTINGS,
        connection.id,
        connection.business_id,
        connection.settings_version,
        settings.warn_new_supplier,
        settings.always_ask_organisation,
        settings.auto_publish,
        settings.default_destination,
        by,
        connection.created_at,
    )
    return replace(connection, revision=1)


async def save(tx: Tx, connection: Connection) -> None:
    """All but the settings. Raises ChangedMeanwhile, and OrganisationTaken when another connection got there first."""
    organisation = connection.organisation
    try:
        done = await tx.execute(
            SAVE,
            connection.id,
            connection.business_id,
            connection.revision,
            connection.lifecycle,
            connection.generation,
            organisation.id if organisation else None,
            organisation.name if organisation else None,
            list(connection.scopes),
            connection.connected_at,
            connection.consent_expires_at,
            connection.warned_stage,
            watch_at(connection),
            connection.ended_at,
            connection.expiry_reason,
            connection.replaced_by_connection_id,
        )
    except asyncpg.UniqueViolationError:
        assert organisation is not None
        raise OrganisationTaken(organisation) from None
    if done != "UPDATE 1":
        raise ChangedMeanwhile(connection.id, connection.revision)


async def save_settings(tx: Tx, connection: Connection, change: SettingsChange) -> None:
    """The next version of the settings, and nothing else. Raises ChangedMeanwhile."""
    settings, expected_version = connection.settings, connection.settings_version - 1
    done = await tx.execute(
        SAVE_SETTINGS,
        connection.id,
        connection.business_id,
        expected_version,
        connection.settings_version,
        settings.warn_new_supplier,
        settings.always_ask_organisation,
        settings.auto_publish,
        settings.default_destination,
        list(change.names),
        change.by,
        change.at,
    )
    if done != "UPDATE 1":
        raise ChangedMeanwhile(connection.id, expected_version)


async def latest_settings_change(tx: Tx, connection: Connection) -> SettingsChange:
    """The change that made the present version; for the first version, the beginning of the connection."""
    row = await tx.fetchrow(LATEST_CHANGE, connection.id, connection.business_id)
    if row is None:
        raise UnknownConnection(connection.id)
    return SettingsChange(tuple(row["changed"]), row["changed_by"], row["changed_at"])


def _required(row: asyncpg.Record | None, connection_id: str) -> Connection:
    if row is None:
        raise UnknownConnection(connection_id)
    return _connection(row)


def _connection(row: asyncpg.Record) -> Connection:
    has_organisation = row["organisation_id"] is not None
    return Connection(
        id=row["id"],
        business_id=row["business_id"],
        provider=row["provider"],
        created_at=row["created_at"],
        lifecycle=Lifecycle(row["lifecycle"]),
        generation=row["generation"],
        organisation=Organisation(row["organisation_id"], row["organisation_name"]) if has_organisation else None,
        scopes=tuple(row["scopes"]),
        connected_at=row["connected_at"],
        consent_expires_at=row["consent_expires_at"],
        warned_stage=row["warned_stage"],
        ended_at=row["ended_at"],
        expiry_reason=ExpiryReason(row["expiry_reason"]) if row["expiry_reason"] else None,
        replaces_connection_id=row["replaces_connection_id"],
        replaced_by_connection_id=row["replaced_by_connection_id"],
        settings=Settings(
            warn_new_supplier=row["warn_new_supplier"],
            always_ask_organisation=row["always_ask_organisation"],
            auto_publish=row["auto_publish"],
            default_destination=row["default_destination"],
        ),
        settings_version=row["settings_version"],
        revision=row["revision"],
    )
