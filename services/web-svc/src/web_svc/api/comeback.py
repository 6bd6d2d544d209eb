"""Back from a provider's login: the organisation, what went wrong, or the confirmation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from web_svc import answers
from web_svc.api.journeys import INBOX, at_both_places, home
from web_svc.api.pages import show, show_part, shown_connection, what_went_wrong
from web_svc.api.site import AManager, Posted, Reader, TheSite, key_of, site_of
from web_svc.clients import RequestRefused
from web_svc.domain.ago import ago
from web_svc.domain.attempts import refusal_message, resume_message, taken_message
from web_svc.wording import say

steps = APIRouter()

CameFrom = Annotated[str, Query(alias="from")]
MANY = 8
"""More organisations than this can be searched."""
TIME_IS_SHORT = 300
"""Seconds before the end of a journey: now it is said aloud."""


@steps.get("/organisation")
async def choose_organisation(  # noqa: PLR0913, PLR0917 - the parts of one request
    request: Request,
    site: TheSite,
    manager: AManager,
    attempt: str,
    came_from: CameFrom = "",
    q: str = "",
    seen: str | None = None,
) -> Response:
    """Where the provider's login leads back to: a choice, the confirmation, or what went wrong.

    `seen`: an open page asks whether the journey still stands as it shows it.
    """
    journey = await site.connections.attempt(manager.speaker, attempt)
    if seen is not None:
        return _for_an_open_page(request, manager, journey, seen=seen)
    match journey.state:
        case "activated":
            connection_id = journey.new_connection_id or journey.connection_id
            return RedirectResponse(_done(manager, connection_id, came_from), 303)
        case "returned":
            return await _ask(request, manager, journey, words=q)
        case "started":
            return await _still_there(request, manager, journey)
        case _:
            return await _went_wrong(request, manager, journey)


@steps.post("/organisation")
async def next_step(  # noqa: PLR0913, PLR0917 - the parts of one request
    request: Request, site: TheSite, manager: AManager, form: Posted, attempt: str, came_from: CameFrom = ""
) -> Response:
    """Next; with `switch` the connection changes to the chosen organisation."""
    chosen = str(form.get("organisation_id", ""))
    try:
        connection = await site.connections.choose_organisation(
            manager.speaker, attempt, chosen, switch="switch" in form, key=key_of(form)
        )
    except RequestRefused as refused:
        if refused.code in {"attempt_over", "attempt_not_returned"}:
            return RedirectResponse(str(request.url), 303)
        if refused.code != "organisation_mismatch" and refusal_message(refused.code) is None:
            raise
        journey = await site.connections.attempt(manager.speaker, attempt)
        return await _ask(request, manager, journey, refused=Refused(chosen, refused.code))
    return RedirectResponse(_done(manager, connection.connection_id, came_from), 303)


@steps.post("/organisation/cancel")
async def cancel(  # noqa: PLR0913, PLR0917 - the parts of one request
    site: TheSite, manager: AManager, form: Posted, connection_id: str, attempt: str, came_from: CameFrom = ""
) -> Response:
    """Give the journey up. One that has ended already needs no giving up."""
    try:
        await site.connections.cancel(manager.speaker, attempt, key=key_of(form))
    except RequestRefused as refused:
        if refused.code != "attempt_over":
            raise
    is_new = connection_id == "new"
    return RedirectResponse(manager.connections if is_new else home(manager, connection_id, came_from), 303)


@steps.get("/done")
async def done(
    request: Request, site: TheSite, manager: AManager, connection_id: str, came_from: CameFrom = ""
) -> Response:
    """The confirmation, with what happens behind it."""
    view = await shown_connection(site, manager, connection_id)
    replaced = view.connection.replaces_connection_id if view.connection.generation == 1 else None
    rules = await site.rules.count(manager.speaker, replaced or connection_id)
    return await show(
        request,
        manager,
        "mobile_done.html" if manager.channel == "mobile" else "done.html",
        live="progress",
        shown=view,
        rules=rules,
        is_change=replaced is not None,
        lists_updated=view.synced.is_newer_than(view.connection.connected_at),
        resume=_resume(view.held, since=view.connection.connected_at),
        finish_href=home(manager, connection_id, came_from),
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


def _for_an_open_page(request: Request, manager: Reader, journey: answers.Attempt, *, seen: str) -> Response:
    """Nothing while all is as it was, a warning when the time to choose runs out, or another look at the page."""
    if journey.state != seen:
        here = request.url.remove_query_params("seen")
        return Response(headers={"HX-Redirect": f"{here.path}?{here.query}"})
    if journey.state != "returned":
        return Response(status_code=204)
    clock = _clock(request, journey)
    again = _again(manager, journey)
    return show_part(request, manager, "organisation.html", "time_is_short", left=clock, again_href=again)


@dataclass(frozen=True)
class TimeLeft:
    """How long the choice may still take, for an open page."""

    seconds: int

    @property
    def minutes(self) -> int:
        """Rounded up."""
        return -(-self.seconds // 60)

    @property
    def until_warning(self) -> int:
        """Seconds until it is said that the time is short."""
        return max(0, self.seconds - TIME_IS_SHORT)


def _clock(request: Request, journey: answers.Attempt) -> TimeLeft:
    return TimeLeft(max(0, round((journey.expires_at - site_of(request).clock.now()).total_seconds())))


@dataclass(frozen=True)
class Refused:
    """A choice that connection-svc did not take."""

    organisation_id: str
    code: str


@dataclass(frozen=True)
class Choice:
    """One organisation of the list; `taken` says why it cannot be chosen."""

    organisation: answers.OfferedOrganisation
    taken: Markup | None


async def _ask(
    request: Request, manager: Reader, journey: answers.Attempt, *, words: str = "", refused: Refused | None = None
) -> Response:
    """The choice among the organisations that this login may open; the expected one is chosen already."""
    site = site_of(request)
    names = await site.connections.provider_names(manager.speaker)
    mismatch = await _mismatch(request, manager, journey, refused)
    return await show(
        request,
        manager,
        "organisation.html",
        status=409 if refused else 200,
        attempt=journey,
        provider_name=names.get(journey.provider, journey.provider),
        choices=[_choice(each) for each in journey.organisations if words.casefold() in each.name.casefold()],
        can_search=len(journey.organisations) > MANY,
        words=words,
        preselected=_preselected(journey),
        mismatch=mismatch,
        alert=_alert(journey, refused) if mismatch is None else None,
        left=_clock(request, journey),
        reconnect_href=f"{home(manager, journey.connection_id)}/reconnect",
        again_href=_again(manager, journey),
        came_from=request.query_params.get("from"),
    )


def _choice(organisation: answers.OfferedOrganisation) -> Choice:
    if not organisation.taken:
        return Choice(organisation, None)
    message_id = taken_message(organisation.taken_by)
    return Choice(organisation, say(message_id, organisation=organisation.name, owner=organisation.owner_masked or ""))


def _alert(journey: answers.Attempt, refused: Refused | None) -> Markup | None:
    message_id = refusal_message(refused.code) if refused else None
    if refused is None or message_id is None:
        return None
    chosen = [each for each in journey.organisations if each.id == refused.organisation_id]
    [name, owner] = [chosen[0].name, chosen[0].owner_masked or ""] if chosen else ["", ""]
    return say(message_id, organisation=name, owner=owner)


def _preselected(journey: answers.Attempt) -> str | None:
    """The expected organisation; of a first connect the only one there is."""
    free = [each for each in journey.organisations if not each.taken]
    likely = [each.id for each in free if each.expected or (journey.intent == "connect" and len(free) == 1)]
    return next(iter(likely), None)


@dataclass(frozen=True)
class Mismatch:
    """The organisation that was expected, those that came instead, and the one of them to switch to at a press."""

    expected: str
    actual: str
    switch_to: answers.OfferedOrganisation | None


async def _mismatch(
    request: Request, manager: Reader, journey: answers.Attempt, refused: Refused | None
) -> Mismatch | None:
    """A reconnect whose login brought other organisations than the connection's, or a choice of another one."""
    others = [each for each in journey.organisations if not each.expected]
    brought_expected = len(others) < len(journey.organisations)
    is_about_another = refused is not None and refused.code == "organisation_mismatch"
    if journey.intent != "reconnect" or not others or (brought_expected and not is_about_another):
        return None
    if refused is not None:
        others = [each for each in others if each.id == refused.organisation_id] or others
    connection = await site_of(request).connections.one(manager.speaker, journey.connection_id)
    return Mismatch(
        expected=connection.organisation_name or journey.provider,
        actual=", ".join(each.name for each in others),
        switch_to=others[0] if len(others) == 1 and not others[0].taken else None,
    )


async def _still_there(request: Request, manager: Reader, journey: answers.Attempt) -> Response:
    """The login has not come back: to look again, or to begin once more."""
    site = site_of(request)
    names = await site.connections.provider_names(manager.speaker)
    [person] = await site.identity.people([journey.started_by])
    facts = {
        "name": person.name,
        "provider": names.get(journey.provider, journey.provider),
        "ago": ago(journey.started_at, now=site.clock.now()),
    }
    who = {manager.user_id: ".own"}.get(journey.started_by, ".link" if journey.channel == "link" else "")
    message = say(f"running.waiting{who}", **facts)
    return await show(
        request,
        manager,
        "attempt_waiting.html",
        provider=journey.provider,
        provider_name=facts["provider"],
        message=message,
        again_href=_again(manager, journey),
    )


async def _went_wrong(request: Request, manager: Reader, journey: answers.Attempt) -> Response:
    names = await site_of(request).connections.provider_names(manager.speaker)
    provider = names.get(journey.provider, journey.provider)
    return await show(
        request,
        manager,
        "attempt_problem.html",
        message=what_went_wrong(journey, provider),
        code=journey.problem or journey.state,
        correlation_id=request.state.request_id,
        again_href=_again(manager, journey),
    )


def _again(manager: Reader, journey: answers.Attempt) -> str:
    """Where the same journey begins anew."""
    if journey.intent == "connect":
        return f"{manager.connections}/new/{journey.provider}"
    own = home(manager, journey.connection_id)
    return f"{own}/change/{journey.provider}" if journey.intent == "change" else f"{own}/reconnect"


def _done(manager: Reader, connection_id: str, came_from: str) -> str:
    query = f"?from={INBOX}" if came_from == INBOX else ""
    return f"{manager.connections}/{connection_id}/done{query}"


router = at_both_places(steps)
