"""What people do about a broken connection short of reconnecting it: ask, put off, hand a link over."""

from datetime import timedelta

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from web_svc import answers
from web_svc.api.connections import Said
from web_svc.api.journeys import home
from web_svc.api.pages import show, shown
from web_svc.api.site import AManager, AReader, FormTooOld, Posted, Reader, Site, TheSite, key_of
from web_svc.domain.ago import ago, is_just_now
from web_svc.wording import say

router = APIRouter(prefix="/b/{business}/settings/connections/{connection_id}")

SNOOZE = timedelta(days=3)
LIFETIMES = {"3600": "1 hour", "86400": "1 day", "604800": "7 days"}
"""How long a link may work, by its seconds."""


@router.post("/ask-admin")
async def ask(request: Request, site: TheSite, reader: AReader, form: Posted, connection_id: str) -> Response:
    """Ask an admin to reconnect."""
    asked = await site.connections.ask_administrators(reader.speaker, connection_id, key=key_of(form))
    connection = await site.connections.one(reader.speaker, connection_id)
    names = await site.connections.provider_names(reader.speaker)
    people = ", ".join(person.name for person in await site.identity.people(asked.recipient_user_ids))
    now, provider = site.clock.now(), names.get(connection.provider, connection.provider)
    message_id = "repair.asked" if is_just_now(asked.asked_at, now=now) else "repair.asked.before"
    message = say(message_id, names=people, provider=provider, ago=ago(asked.asked_at, now=now))
    return await show(request, reader, "asked.html", message=message)


@router.post("/snooze")
async def snooze(site: TheSite, manager: AManager, form: Posted, connection_id: str) -> Response:
    """Remind me in 3 days."""
    until = site.clock.now() + SNOOZE
    await site.connections.snooze(manager.speaker, connection_id, until=until, key=key_of(form))
    return RedirectResponse(f"{home(manager, connection_id)}?said={Said.SNOOZED}", 303)


@router.get("/reconnect/link")
async def before_sending(request: Request, site: TheSite, manager: AManager, connection_id: str) -> Response:
    """Not you? Send a link to someone else."""
    return await _page(request, site, manager, connection_id)


@router.post("/reconnect/link")
async def send(request: Request, site: TheSite, manager: AManager, form: Posted, connection_id: str) -> Response:
    """A link to hand over, shown this once, or a mail to somebody of the business."""
    send_to, seconds = str(form.get("send_to", "")) or None, str(form.get("lifetime", ""))
    if seconds not in LIFETIMES:
        raise FormTooOld
    lifetime = timedelta(seconds=int(seconds))
    made = await site.connections.make_link(
        manager.speaker, connection_id, lifetime=lifetime, send_to=send_to, key=key_of(form)
    )
    [recipient] = await site.identity.people([send_to or manager.user_id])
    note = None if made else say("repair.link.sent", name=recipient.name)
    return await _page(request, site, manager, connection_id, made=made, note=note)


async def _page(  # noqa: PLR0913 - what one page is made from
    request: Request,
    site: Site,
    manager: Reader,
    connection_id: str,
    *,
    made: answers.NewLink | None = None,
    note: Markup | None = None,
) -> Response:
    connection = await site.connections.one(manager.speaker, connection_id)
    providers = await site.connections.providers(manager.speaker)
    others = [each for each in site.memberships.members(manager.business_id) if each != manager.user_id]
    people = zip(others, await site.identity.people(others), strict=True)
    return await show(
        request,
        manager,
        "send_link.html",
        shown=shown(site, connection, providers=providers),
        recipients={"": "Nobody: I hand it over myself"} | {user_id: person.name for user_id, person in people},
        lifetimes=LIFETIMES,
        made=made,
        note=note,
    )
