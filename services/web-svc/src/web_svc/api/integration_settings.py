"""Integration settings of one connection. A section is saved by itself, and never over somebody else's change."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from web_svc import answers
from web_svc.api.pages import show, shown_settings
from web_svc.api.site import AManager, Posted, Reader, Site, TheSite
from web_svc.clients import RequestRefused
from web_svc.domain.ago import ago
from web_svc.wording import say

router = APIRouter(prefix="/b/{business}/settings/connections/{connection_id}/settings")


class Section(StrEnum):
    """The parts of the page that have a button *Save* each; the value stands in the address."""

    GENERAL = "general"
    COSTS = "costs"


@dataclass(frozen=True)
class Switch:
    """A setting that is on or off, with its words. `unsupported`: why it cannot be switched on."""

    name: str
    label: str
    help: Markup
    is_on: bool
    unsupported: Markup | None = None


DESTINATIONS: Mapping[str, str] = {
    "": "As the software does by itself",
    "draft": "Draft",
    "awaiting_approval": "Awaiting approval",
    "awaiting_payment": "Awaiting payment",
}


@router.get("")
async def integration_settings(
    request: Request, site: TheSite, manager: AManager, connection_id: str, saved: Section | None = None
) -> Response:
    note = say("settings.saved") if saved else None
    return await _page(request, site, manager, connection_id, note=note)


@router.post("/{section}")
async def save(  # noqa: PLR0913, PLR0917 - the parts of one request
    request: Request, site: TheSite, manager: AManager, form: Posted, connection_id: str, section: Section
) -> Response:
    """Save one section. A form that was filled in before somebody else's change changes nothing."""
    current, _ = await site.connections.settings(manager.speaker, connection_id)
    wanted, version = _wanted(current, section, form), str(form.get("version", ""))
    try:
        await site.connections.change_settings(manager.speaker, connection_id, wanted, version=version, channel="web")
    except RequestRefused as refused:
        if refused.code != "settings_changed":
            raise
        conflict = await _conflict(site, manager, connection_id)
        return await _page(request, site, manager, connection_id, conflict=conflict, status=refused.status)
    address = f"/b/{manager.business_id}/settings/connections/{connection_id}/settings"
    return RedirectResponse(f"{address}?saved={section}", 303)


def _wanted(current: answers.ConnectionSettings, section: Section, form: FormData) -> answers.ConnectionSettings:
    if section is Section.COSTS:
        return current.model_copy(update={"default_destination": form.get("default_destination") or None})
    switches = ("warn_new_supplier", "always_ask_organisation", "auto_publish")
    return current.model_copy(update={name: name in form for name in switches})


async def _conflict(site: Site, manager: Reader, connection_id: str) -> Markup:
    """Who was faster, and when."""
    history = await site.connections.history(manager.speaker, connection_id)
    latest = next((entry for entry in history.items if entry.what == "settings_changed"), None)
    if latest is None or latest.by is None:
        return say("settings.conflict.unknown")
    [person] = await site.identity.people([latest.by])
    return say("settings.conflict", name=person.name, ago=ago(latest.at, now=site.clock.now()))


async def _page(  # noqa: PLR0913 - what one page is made from
    request: Request,
    site: Site,
    manager: Reader,
    connection_id: str,
    *,
    note: Markup | None = None,
    conflict: Markup | None = None,
    status: int = 200,
) -> Response:
    kept = await shown_settings(site, manager, connection_id)
    return await show(
        request,
        manager,
        "integration_settings.html",
        status=status,
        shown=kept.shown,
        switches=_switches(kept.settings, kept.shown.provider),
        destination=kept.settings.default_destination or "",
        destinations=DESTINATIONS,
        version=kept.version,
        note=note,
        conflict=conflict,
    )


def _switches(settings: answers.ConnectionSettings, provider: answers.Provider) -> list[Switch]:
    unsupported = None
    if not provider.supports_supplier_warning:
        unsupported = say("settings.warn_new_supplier.unsupported", provider=provider.display_name)
    return [
        Switch(
            "warn_new_supplier",
            "Warn me when creating a new supplier",
            say("settings.warn_new_supplier", provider=provider.display_name),
            settings.warn_new_supplier,
            unsupported,
        ),
        Switch(
            "always_ask_organisation",
            "Always ask which organisation",
            say("settings.always_ask_organisation"),
            settings.always_ask_organisation,
        ),
        Switch("auto_publish", "Publish by itself", say("settings.auto_publish"), settings.auto_publish),
    ]
