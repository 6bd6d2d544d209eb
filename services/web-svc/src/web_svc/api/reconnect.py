"""From "before you go" to the provider's login and back to the confirmation."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from web_svc import answers
from web_svc.api.pages import leave_for, show, shown, shown_connection
from web_svc.api.site import AManager, Posted, Reader, TheSite, key_of, site_of
from web_svc.clients import RequestRefused
from web_svc.domain.attempts import message_of, resume_message
from web_svc.wording import say

router = APIRouter(prefix="/b/{business}/settings/connections/{connection_id}")

CameFrom = Annotated[str, Query(alias="from")]
STILL_TO_CHOOSE = "returned"
ARRIVED = "activated"
INBOX = "inbox"


@router.get("/reconnect")
async def before_you_go(
    request: Request, site: TheSite, manager: AManager, connection_id: str, came_from: CameFrom = ""
) -> Response:
    connection, names = await asyncio.gather(
        site.connections.one(manager.speaker, connection_id), site.connections.provider_names(manager.speaker)
    )
    return await show(
        request,
        manager,
        "reconnect.html",
        shown=shown(site, connection, names=names),
        cancel_href=_home(manager, connection_id, came_from),
        came_from=came_from,
    )


@router.post("/reconnect")
async def reconnect(request: Request, site: TheSite, manager: AManager, form: Posted, connection_id: str) -> Response:
    connection = await site.connections.one(manager.speaker, connection_id)
    came_from = f"?from={INBOX}" if form.get("from") == INBOX else ""
    here = f"{site.public_url}/b/{manager.business_id}/settings/connections/{connection_id}"
    binding = manager.visitor.login_binding
    started = await site.connections.begin_reconnecting(
        manager.speaker, connection, return_to=f"{here}/organisation{came_from}", binding=binding, key=key_of(form)
    )
    names = await site.connections.provider_names(manager.speaker)
    return leave_for(request, started.start_url, binding=binding, provider_name=names[connection.provider])


@router.get("/organisation")
async def choose_organisation(
    request: Request, site: TheSite, manager: AManager, attempt: str, came_from: CameFrom = ""
) -> Response:
    """Where the provider's login leads back to: a choice, the confirmation, or what went wrong."""
    journey = await site.connections.attempt(manager.speaker, attempt)
    if journey.state == ARRIVED:
        return RedirectResponse(_done(manager, journey.connection_id, came_from), 303)
    if journey.state != STILL_TO_CHOOSE:
        return await _went_wrong(request, manager, journey)
    return await _ask(request, manager, journey)


@router.post("/organisation")
async def next_step(  # noqa: PLR0913, PLR0917 - the parts of one request
    request: Request, site: TheSite, manager: AManager, form: Posted, attempt: str, came_from: CameFrom = ""
) -> Response:
    """Next."""
    chosen = str(form.get("organisation_id", ""))
    try:
        await site.connections.choose_organisation(manager.speaker, attempt, chosen, key=key_of(form))
    except RequestRefused as refused:
        if refused.code != "organisation_mismatch":
            raise
        journey = await site.connections.attempt(manager.speaker, attempt)
        return await _ask(request, manager, journey, refused=chosen)
    journey = await site.connections.attempt(manager.speaker, attempt)
    return RedirectResponse(_done(manager, journey.connection_id, came_from), 303)


@router.get("/done")
async def done(
    request: Request, site: TheSite, manager: AManager, connection_id: str, came_from: CameFrom = ""
) -> Response:
    """The confirmation, with what happens behind it."""
    view, rules = await asyncio.gather(
        shown_connection(site, manager, connection_id), site.rules.count(manager.speaker, connection_id)
    )
    return await show(
        request,
        manager,
        "done.html",
        live="progress",
        shown=view,
        rules=rules,
        lists_updated=view.synced.is_newer_than(view.connection.connected_at),
        resume=_resume(view.held, since=view.connection.connected_at),
        finish_href=_home(manager, connection_id, came_from),
    )


@dataclass(frozen=True)
class Resume:
    """The live line of the confirmation."""

    text: Markup
    tone: str
    done: int
    total: int
    bad: int


def _resume(held: answers.Held, *, since: datetime | None) -> Resume | None:
    """None when nothing waited for the login of that moment."""
    release = held.release
    has_begun = release is not None and (since is None or release.started_at >= since)
    total, published, failed = (
        (release.total, release.published, release.failed) if release and has_begun else (held.waiting, 0, 0)
    )
    if total == 0:
        return None
    message_id = resume_message(total=total, published=published, failed=failed)
    text = say(message_id, total=total, done=published, ok=published, bad=failed)
    tone = {"done.resume": "info", "done.resume.all": "ok"}.get(message_id, "warn")
    return Resume(text, tone, published, total, failed)


async def _ask(request: Request, manager: Reader, journey: answers.Attempt, *, refused: str | None = None) -> Response:
    """The choice among the organisations that this login may open; the expected one is chosen already."""
    names = await site_of(request).connections.provider_names(manager.speaker)
    return await show(
        request,
        manager,
        "organisation.html",
        status=409 if refused else 200,
        attempt=journey,
        provider_name=names.get(journey.provider, journey.provider),
        preselected=_preselected(journey),
        mismatch=await _mismatch(request, manager, journey, refused),
        again_href=_again(manager, journey),
    )


def _preselected(journey: answers.Attempt) -> str | None:
    """The expected organisation; of a first connect the only one there is."""
    free = [each for each in journey.organisations if not each.taken]
    likely = [each.id for each in free if each.expected or (journey.intent == "connect" and len(free) == 1)]
    return next(iter(likely), None)


@dataclass(frozen=True)
class Mismatch:
    """The names of the organisation that was expected and of the one that came."""

    expected: str
    actual: str


async def _mismatch(
    request: Request, manager: Reader, journey: answers.Attempt, refused: str | None
) -> Mismatch | None:
    """A reconnect whose login brought other organisations than the connection's, or a choice of another one."""
    others = [each for each in journey.organisations if not each.expected]
    brought_expected = len(others) < len(journey.organisations)
    if journey.intent != "reconnect" or not others or (brought_expected and refused is None):
        return None
    connection = await site_of(request).connections.one(manager.speaker, journey.connection_id)
    actual = next((each.name for each in others if each.id == refused), others[0].name)
    return Mismatch(connection.organisation_name or journey.provider, actual)


async def _went_wrong(request: Request, manager: Reader, journey: answers.Attempt) -> Response:
    names = await site_of(request).connections.provider_names(manager.speaker)
    return await show(
        request,
        manager,
        "attempt_problem.html",
        message=say(
            message_of(journey.problem, state=journey.state), provider=names.get(journey.provider, journey.provider)
        ),
        code=journey.problem or journey.state,
        correlation_id=request.state.request_id,
        again_href=_again(manager, journey),
    )


def _again(manager: Reader, journey: answers.Attempt) -> str:
    """Where the same journey begins anew."""
    base = f"/b/{manager.business_id}/settings/connections"
    if journey.intent == "connect":
        return f"{base}/new/{journey.provider}"
    return f"{base}/{journey.connection_id}/reconnect"


def _done(manager: Reader, connection_id: str, came_from: str) -> str:
    query = f"?from={INBOX}" if came_from == INBOX else ""
    return f"/b/{manager.business_id}/settings/connections/{connection_id}/done{query}"


def _home(manager: Reader, connection_id: str, came_from: str) -> str:
    """Where the person came from."""
    if came_from == INBOX:
        return f"/b/{manager.business_id}/inbox"
    return f"/b/{manager.business_id}/settings/connections/{connection_id}"
