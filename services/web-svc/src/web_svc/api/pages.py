"""Templates into answers: whole pages in the shell, single blocks for pages that are already open."""

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from jinja2_fragments import render_block
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from web_svc import answers
from web_svc.api.site import Reader, Site, site_of
from web_svc.clients import RequestRefused, ServiceUnavailable
from web_svc.domain.attempts import message_of, permission_message
from web_svc.domain.items import Tab
from web_svc.domain.standing import Stand, Standing, choose_banner, days_left, share_left, standing_of
from web_svc.wording import say

THEMES = ("system", "light", "dark")
BINDING_COOKIE = "relink_binding"  # connection-svc reads it: under /oauth on our host
LOGIN_TAKES = timedelta(minutes=30)
PAST = {Standing.DISCONNECTED, Standing.REPLACED}
NOTHING_HELD = answers.Held(waiting=0)
NEVER_SYNCED = answers.SyncStatus()
STATIC = Path(__file__).parent.parent / "static"


@dataclass(frozen=True)
class ShownBanner:
    """The banner with its words, and its one action if this reader has one."""

    tone: str
    text: Markup
    more: int
    action: "Action | None"


@dataclass(frozen=True)
class Action:
    """What can be pressed: a link, or with method `post` a form of one button."""

    label: str
    href: str
    kind: str = "go"
    method: str = "get"


@dataclass(frozen=True)
class Page:
    """What every template gets: who reads, where, and what a form needs."""

    path: str
    address: str
    """The path with its query."""
    theme: str
    environment: str
    at: datetime
    form_token: str = ""
    reader: Reader | None = None
    name: str = ""
    businesses: tuple[str, ...] = ()
    banner: ShownBanner | None = None

    @property
    def base(self) -> str:
        """The address of the business that is looked at."""
        return f"/b/{self.reader.business_id}" if self.reader else ""

    @property
    def connections(self) -> str:
        return self.reader.connections if self.reader else ""

    @property
    def shell(self) -> str:
        """The template around the page."""
        if self.reader is None:
            return "plain.html"
        return "mobile.html" if self.reader.channel == "mobile" else "shell.html"

    def new_key(self) -> str:
        """An idempotency key: one for each form each time it is shown."""
        return uuid.uuid4().hex


def _day(moment: date) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _day_short(moment: date) -> str:
    return f"{moment.day} {moment:%b %Y}"


def _money(money: answers.Money | None) -> str:
    return f"{money.currency} {money.amount:,.2f}" if money is not None else "-"


def _minute(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def _static_url(name: str) -> str:
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("web_svc"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    static_urls = {path: _static_url(path) for path in _static_files()}
    environment.globals |= {"say": say, "static_url": static_urls.__getitem__, "Tab": Tab, "Standing": Standing}
    environment.filters |= {"day": _day, "day_short": _day_short, "minute": _minute, "money": _money}
    environment.globals["ui"] = environment.get_template("macros.html").module
    return environment


def _static_files() -> list[str]:
    return [str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file()]


TEMPLATES = _templates()


def theme_of(request: Request) -> str:
    chosen = request.cookies.get("relink_theme", "system")
    return chosen if chosen in THEMES else "system"


def bare_page(request: Request, template: str, /, *, status: int = 200, form_token: str = "", **facts: Any) -> Response:
    """A page outside the shell: for people who are not signed in, and for what leads away."""
    page = replace(_page(request), form_token=form_token)
    return HTMLResponse(TEMPLATES.get_template(template).render(page=page, **facts), status)


def leave_for(request: Request, start_url: str, *, binding: str, provider_name: str, back: str) -> Response:
    """Send the browser to the provider's login, from a page of its own, with the cookie that lets it leave.

    A redirect would end at the provider while the browser still counts it as the form's, which our policy forbids.
    Where the login opens beside that page, `back` is where to look what became of it.
    """
    leaving = bare_page(request, "leaving.html", href=start_url, provider_name=provider_name, back=back)
    leaving.headers["Refresh"] = f"0; url={start_url}"
    seconds, is_secure = round(LOGIN_TAKES.total_seconds()), site_of(request).is_secure
    leaving.set_cookie(BINDING_COOKIE, binding, seconds, path="/oauth", secure=is_secure, httponly=True, samesite="lax")
    return leaving


async def show(
    request: Request, reader: Reader, template: str, /, *, live: str | None = None, status: int = 200, **facts: Any
) -> Response:
    """A page in the shell; only its block `live` for an open page that asks for `?part={live}`."""
    if live is not None and request.query_params.get("part") == live:
        return show_part(request, reader, template, live, **facts)
    shell = await shell_of(request, reader)
    return HTMLResponse(TEMPLATES.get_template(template).render(page=shell, **facts), status)


def show_part(request: Request, reader: Reader, template: str, block: str, /, **facts: Any) -> Response:
    """One block of a page that is open already. The block is named by our own code, never by the request."""
    shell = _page(request, reader)
    return HTMLResponse(render_block(TEMPLATES, template, block, page=shell, **facts))


async def show_banner(request: Request, reader: Reader) -> Response:
    shell = replace(_page(request, reader), banner=await banner_for(site_of(request), reader))
    return HTMLResponse(TEMPLATES.get_template("banner.html").render(page=shell))


def _page(request: Request, reader: Reader | None = None) -> Page:
    query = f"?{request.url.query}" if request.url.query else ""
    return Page(
        path=request.url.path,
        address=request.url.path + query,
        theme=theme_of(request),
        environment=site_of(request).environment,
        at=site_of(request).system_clock.now(),
        form_token=reader.visitor.form_token if reader else "",
        reader=reader,
    )


async def shell_of(request: Request, reader: Reader) -> Page:
    site = site_of(request)
    people, banner = await asyncio.gather(site.identity.people([reader.user_id]), banner_for(site, reader))
    return replace(
        _page(request, reader),
        name=people[0].name,
        businesses=tuple(membership.business_id for membership in site.memberships.of(reader.user_id)),
        banner=banner,
    )


@dataclass(frozen=True)
class ShownConnection:
    """A connection with what a page says about it."""

    connection: answers.Connection
    provider: answers.Provider
    standing: Standing
    days_left: int
    share_left: int
    held: answers.Held
    synced: answers.SyncStatus
    successor: str | None = None
    """The software that took its place, where that is known."""

    @property
    def provider_name(self) -> str:
        return self.provider.display_name

    @property
    def waiting(self) -> int:
        return self.held.waiting

    @property
    def id(self) -> str:
        return self.connection.connection_id

    @property
    def organisation(self) -> str:
        return self.connection.organisation_name or self.provider_name

    @property
    def is_past(self) -> bool:
        return self.standing in PAST

    @property
    def can_reconnect(self) -> bool:
        return self.connection.lifecycle in {"active", "expired", "revoked"}


def shown(
    site: Site,
    connection: answers.Connection,
    *,
    providers: Mapping[str, answers.Provider],
    held: answers.Held = NOTHING_HELD,
    synced: answers.SyncStatus = NEVER_SYNCED,
) -> ShownConnection:
    """A connection in words, as of now."""
    now = site.clock.now()
    ends, began = connection.consent_expires_at, connection.connected_at
    return ShownConnection(
        connection=connection,
        provider=providers[connection.provider],
        standing=standing_of(
            connection.lifecycle,
            health=site.health.of(connection.provider),
            consent_expires_at=ends,
            refreshing=synced.is_running,
            now=now,
        ),
        days_left=days_left(ends, now=now) if ends else 0,
        share_left=share_left(began, ends, now=now) if began and ends else 0,
        held=held,
        synced=synced,
    )


async def shown_connection(site: Site, reader: Reader, connection_id: str) -> ShownConnection:
    """One connection, with what waits for it and how fresh its lists are."""
    speaker = reader.speaker
    connection, providers = await asyncio.gather(
        site.connections.one(speaker, connection_id), site.connections.providers(speaker)
    )
    held, synced = await _details(site, reader, connection)
    return shown(site, connection, providers=providers, held=held, synced=synced)


@dataclass(frozen=True)
class ShownSettings:
    """A connection with its settings, and the version that a change of them must name."""

    shown: ShownConnection
    settings: answers.ConnectionSettings
    version: str


async def shown_settings(site: Site, reader: Reader, connection_id: str) -> ShownSettings:
    view, (settings, version) = await asyncio.gather(
        shown_connection(site, reader, connection_id),
        site.connections.settings(reader.speaker, connection_id),
    )
    return ShownSettings(view, settings, version)


async def shown_connections(site: Site, reader: Reader) -> dict[str, ShownConnection]:
    """All connections of the business by id, with what waits for each and how fresh its lists are."""
    speaker = reader.speaker
    connections, providers = await asyncio.gather(site.connections.all(speaker), site.connections.providers(speaker))
    details = await asyncio.gather(*(_details(site, reader, connection) for connection in connections))
    names = {each.connection_id: providers[each.provider].display_name for each in connections}
    return {
        connection.connection_id: replace(
            shown(site, connection, providers=providers, held=held, synced=synced),
            successor=names.get(connection.replaced_by_connection_id or ""),
        )
        for connection, (held, synced) in zip(connections, details, strict=True)
    }


async def _details(
    site: Site, reader: Reader, connection: answers.Connection
) -> tuple[answers.Held, answers.SyncStatus]:
    """What the other services know of a connection. A pending one is not theirs yet."""
    if connection.lifecycle == "pending":
        return NOTHING_HELD, NEVER_SYNCED
    held, synced = await asyncio.gather(
        site.items.held(reader.speaker, connection.connection_id),
        site.syncs.status(reader.speaker, connection.connection_id),
    )
    return held, synced


def what_went_wrong(login: answers.Attempt | answers.LinkLogin, provider_name: str) -> Markup:
    """Why a login did not arrive; what it lacked is named."""
    missing = " and ".join(say(permission_message(each)) for each in login.missing_permissions)
    message_id = message_of(login.problem, state=login.state)
    named = message_id == "auth.scope" and missing
    return say("auth.scope.named" if named else message_id, provider=provider_name, missing=missing)


async def banner_for(site: Site, reader: Reader) -> ShownBanner | None:
    """The banner of this reader. No page fails for its banner: without an answer there is none."""
    try:
        return await _banner(site, reader)
    except (ServiceUnavailable, RequestRefused):
        return None


async def _banner(site: Site, reader: Reader) -> ShownBanner | None:
    providers = await site.connections.providers(reader.speaker)
    found = await site.connections.all(reader.speaker)
    all_shown = {each.connection_id: shown(site, each, providers=providers) for each in found}
    stands = [Stand(s.id, s.standing, s.connection.consent_expires_at) for s in all_shown.values()]
    banner = choose_banner(stands, manages=reader.manages, now=site.clock.now())
    if banner is None:
        return None
    chosen = all_shown[banner.connection_id]
    held = await site.items.held(reader.speaker, chosen.id) if chosen.standing.needs_a_login else None
    return ShownBanner(
        tone=TONES[chosen.standing],
        text=_banner_text(chosen, manages=reader.manages, waiting=held.waiting if held else 0),
        more=banner.more,
        action=await _banner_action(site, reader, chosen),
    )


TONES = {Standing.EXPIRED: "bad", Standing.REVOKED: "bad", Standing.DEGRADED: "info", Standing.EXPIRING: "warn"}


def _banner_text(chosen: ShownConnection, *, manages: bool, waiting: int) -> Markup:
    standing, connection = chosen.standing, chosen.connection
    message_id = "banner.ask_admin" if standing.needs_a_login and not manages else f"banner.{standing}"
    on = connection.ended_at if standing is Standing.REVOKED else connection.consent_expires_at
    text = say(message_id, provider=chosen.provider_name, date=_day(on) if on else "", n=waiting)
    is_paused = chosen.provider.paused and standing is not Standing.DEGRADED
    return text + " " + say("provider.paused", provider=chosen.provider_name) if is_paused else text


async def _banner_action(site: Site, reader: Reader, chosen: ShownConnection) -> Action | None:
    """Nobody can do anything about a provider that is in trouble or paused, and members about nothing but to ask."""
    standing = chosen.standing
    if standing is Standing.DEGRADED or chosen.provider.paused:
        return None
    here = f"/b/{reader.business_id}/settings/connections/{chosen.id}"
    if reader.manages:
        label = "Reconnect now" if standing is Standing.EXPIRING else "Reconnect"
        return Action(label, f"{here}/reconnect", method="post")
    if standing.needs_a_login:
        return Action(say("banner.ask_admin.action"), f"{here}/ask-admin", kind="outline", method="post")
    letter = await ask_administrators(site, reader, chosen.provider_name)
    return Action(say("banner.ask_admin.action"), letter, kind="outline") if letter else None


async def ask_administrators(site: Site, reader: Reader, provider_name: str) -> str | None:
    """A letter to those who can help, to be sent by the reader; None when nobody can be written to."""
    people = await site.identity.people(site.memberships.whom_to_ask(reader.business_id))
    addresses = ",".join(person.email for person in people if person.email)
    settings = f"{site.public_url}/b/{reader.business_id}/settings/connections"
    letter = {
        "subject": say("forbidden.subject", provider=provider_name).unescape(),
        "body": say("forbidden.letter", provider=provider_name, url=settings).unescape(),
    }
    return f"mailto:{addresses}?{urlencode(letter, quote_via=quote)}" if addresses else None
