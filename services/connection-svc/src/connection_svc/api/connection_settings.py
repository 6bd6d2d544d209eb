"""A connection's settings, changed under optimistic concurrency."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Response

from chassis import outbox
from chassis.http import may_answer
from chassis.service_tokens import Caller
from connection_svc import outgoing
from connection_svc.api import callers, problems
from connection_svc.api.parts import Parts
from connection_svc.api.wire import Settings
from connection_svc.domain.connection import Connection, SettingsChange, SettingsChangedMeanwhile
from connection_svc.store import connections, history


def router(parts: Parts) -> APIRouter:
    """`/api/v1/connections/{id}/settings`."""
    routes = APIRouter(prefix="/api/v1", tags=["connections"], **problems.TRANSLATED)
    reader, administrator = callers.readers(parts.gate), callers.administrators(parts.gate)

    @routes.get("/connections/{connection_id}/settings")
    async def settings(connection_id: str, caller: Annotated[Caller, Depends(reader)], response: Response) -> Settings:
        """The settings; the `ETag` is needed to change them."""
        async with parts.database.acquire() as tx:
            connection = await connections.get(tx, caller.business_id, connection_id)
        response.headers["ETag"] = _etag(connection)
        return Settings.of(connection)

    @routes.put("/connections/{connection_id}/settings", responses=may_answer(412, 428))
    async def change_settings(  # noqa: PLR0913, PLR0917 - parts of the request
        connection_id: str,
        body: Settings,
        caller: Annotated[Caller, Depends(administrator)],
        response: Response,
        if_match: Annotated[str | None, Header()] = None,
        channel: Literal["web", "mobile"] = "web",
    ) -> Settings:
        """Change all settings at once. 428 without `If-Match`, 412 when somebody was faster.

        On `mobile` only the warning about new suppliers may differ from what is set: 422 for anything else.
        """
        if if_match is None:
            raise problems.precondition_required()
        now, by = parts.now(), outgoing.user(caller.subject)
        async with parts.database.transaction() as tx:
            before = await connections.get_for_update(tx, caller.business_id, connection_id)
            supports = parts.providers[before.provider].facts.supports_supplier_warning
            try:
                after = before.change_settings(
                    body.wanted(),
                    expected_version=_version(if_match),
                    supports_supplier_warning=supports,
                    on_mobile=channel == "mobile",
                )
            except SettingsChangedMeanwhile:
                latest = await connections.latest_settings_change(tx, before)
                raise problems.precondition_failed(latest) from None
            if after != before:
                changed = before.settings.differences(after.settings)
                await connections.save_settings(tx, after, SettingsChange(changed, caller.subject, now))
                await outbox.add(
                    tx,
                    outgoing.settings_changed(after, changed, by=by, at=now),
                    outgoing.connection_state(after, by=by, at=now),
                )
                entry = history.Entry(now, "settings_changed", by.type, by.id, {"changed": list(changed)})
                await history.add(tx, after, entry)
        response.headers["ETag"] = _etag(after)
        return Settings.of(after)

    return routes


def _etag(connection: Connection) -> str:
    return f'"{connection.settings_version}"'


def _version(if_match: str) -> int:
    """The version in an ETag of ours; -1, which no settings have, for anything else."""
    bare = if_match.removeprefix("W/").strip('"')
    return int(bare) if bare.isdecimal() else -1
