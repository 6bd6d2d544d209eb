"""Leaving for a provider's login, and what to do when somebody else is on the way to the same connection."""

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from web_svc import answers
from web_svc.api.pages import leave_for, show
from web_svc.api.site import Reader, key_of, site_of
from web_svc.clients import Journey, RequestRefused
from web_svc.domain.ago import ago
from web_svc.wording import say

INBOX = "inbox"
PLACES = ("/b/{business}/settings/connections/{connection_id}", "/m/settings/integrations/{connection_id}")
"""Where the steps of a journey are: at a desk, and on a phone."""


async def leave(request: Request, manager: Reader, journey: Journey, form: FormData) -> Response:
    """Begin the journey and send the browser off; or ask whether to join or take over somebody else's."""
    connections, binding = site_of(request).connections, manager.visitor.login_binding
    wanted = replace(journey, channel=manager.channel, take_over="take_over" in form)
    try:
        started = await connections.begin(manager.speaker, wanted, binding=binding, key=key_of(form))
    except RequestRefused as refused:
        names = await connections.provider_names(manager.speaker)
        if refused.code == "provider_paused":
            return await paused(request, manager, names[journey.provider], status=409)
        other = await running_of_another(request, manager, journey.connection_id)
        if refused.code != "attempt_running" or other is None:
            raise
        return await join_or_take_over(request, manager, other, came_from=str(form.get("from", "")), status=409)
    names = await connections.provider_names(manager.speaker)
    back = f"{journey.return_to}{'&' if '?' in journey.return_to else '?'}attempt={started.attempt_id}"
    return leave_for(request, started.start_url, binding=binding, provider_name=names[journey.provider], back=back)


async def paused(request: Request, manager: Reader, provider_name: str, *, status: int = 200) -> Response:
    """Instead of a page that leads to this provider's login."""
    return await show(request, manager, "paused.html", status=status, provider_name=provider_name)


async def leave_to_connect(request: Request, manager: Reader, provider: str, form: FormData) -> Response:
    """Begin the first journey to this software, or go on with a connection whose first journey was not finished."""
    site = site_of(request)
    begun = [
        each.connection_id
        for each in await site.connections.all(manager.speaker)
        if each.provider == provider and each.lifecycle == "pending"
    ]
    return_to = f"{site.public_url}{manager.connections}/new/organisation"
    return await leave(request, manager, Journey(provider, "connect", next(iter(begun), None), return_to), form)


async def running_of_another(request: Request, manager: Reader, connection_id: str | None) -> answers.Attempt | None:
    """The journey to this connection that somebody else has begun."""
    if connection_id is None:
        return None
    running = await site_of(request).connections.running_attempts(manager.speaker, connection_id)
    return next((each for each in running if each.started_by != manager.user_id), None)


async def join_or_take_over(
    request: Request, manager: Reader, other: answers.Attempt, *, came_from: str, status: int = 200
) -> Response:
    """Posting this page's address again with `take_over` begins anew."""
    site = site_of(request)
    [person] = await site.identity.people([other.started_by])
    names = await site.connections.provider_names(manager.speaker)
    facts = {
        "name": person.name,
        "provider": names.get(other.provider, other.provider),
        "ago": ago(other.started_at, now=site.clock.now()),
    }
    through_link = ".link" if other.channel == "link" else ""
    return await show(
        request,
        manager,
        "attempt_running.html",
        status=status,
        provider=other.provider,
        title=say(f"running.title{through_link}", **facts),
        message=say(f"running.body{through_link}", **facts),
        join_href=f"{home(manager, other.connection_id)}/organisation?attempt={other.attempt_id}",
        came_from=came_from,
    )


def at_both_places(steps: APIRouter) -> APIRouter:
    """The same steps at a desk and on a phone."""
    both = APIRouter()
    for place in PLACES:
        both.include_router(steps, prefix=place)
    return both


def home(manager: Reader, connection_id: str, came_from: str = "") -> str:
    """Where the person came from."""
    if came_from == INBOX:
        return f"/b/{manager.business_id}/inbox"
    return f"{manager.connections}/{connection_id}"
