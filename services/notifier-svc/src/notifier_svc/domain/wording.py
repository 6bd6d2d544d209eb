"""The words of notices and mails."""

import html
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from notifier_svc.domain.notices import Connection, Notice, Stage

_DISPLAY_NAMES: Final = {
    "xero": "Xero",
    "quickbooks": "QuickBooks Online",
    "sage": "Sage Accounting",
    "freeagent": "FreeAgent",
}
_TAKEN_AWAY: Final = frozenset({"grant_revoked", "organisation_withdrawn"})
"""Reasons that somebody made at the provider, in contrast to a date that passed."""


@dataclass(frozen=True)
class Person:
    """Where and how to reach somebody; `time_zone` is an IANA name, such as `Europe/London`."""

    name: str
    email: str
    time_zone: str


@dataclass(frozen=True)
class Link:
    """Where to repair a connection, until `expires_at`. A secret: it goes into the mail and nowhere else."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Telling:
    """A notice in the product."""

    title: str
    body: str


@dataclass(frozen=True)
class Letter:
    """A mail: the same words as text and as HTML."""

    subject: str
    text: str
    html: str


def telling(notice: Notice, connection: Connection) -> Telling:
    provider = display_name(connection)
    match notice.stage:
        case Stage.EXPIRED if notice.reason in _TAKEN_AWAY:
            return Telling(
                f"{provider} stopped sharing data with us on {_day(notice.happened_at, 'UTC')}.",
                f"Someone may have removed access in {provider}. Reconnect to continue.",
            )
        case Stage.ASKED:
            return Telling(
                f"You are asked to reconnect {provider}.",
                "You will log in there, allow access, and come straight back. It takes about a minute.",
            )
        case Stage.REPAIRED:
            return Telling(f"{provider} is connected again.", "Items that waited are published now, in their order.")
        case _:
            return Telling(
                f"Your {provider} connection has expired.",
                "New items will wait to publish. Reconnect and we will send them for you.",
            )


def letter(notice: Notice, connection: Connection, person: Person, link: Link, *, asker: Person | None) -> Letter:
    """The mail that asks somebody to reconnect. Days are those of the person's time zone."""
    provider = display_name(connection)
    organisation = connection.organisation_name or provider
    words = _words(notice, connection, person, asker)
    steps = f"You will log in to {provider}, allow access, and come straight back to us."
    safe = "Your settings and automation rules stay exactly as they are."
    until = (
        f"The link is for this connection only and works until {_day(link.expires_at, person.time_zone)}. "
        f"You get this mail because {words.because}."
    )
    action = f"Reconnect to {organisation}"
    before = f"{words.happened}\n\n{words.means}"
    text = f"Hello {person.name},\n\n{before}\n\n{action}:\n{link.url}\n\n{steps} {safe}\n\n{until}\n"
    page = _page(words.subject, person.name, (words.happened, words.means), (action, link.url), (steps, safe, until))
    return Letter(words.subject, text, page)


@dataclass(frozen=True)
class _Words:
    """What differs between the mails."""

    subject: str
    happened: str
    means: str = "New items wait to publish. Reconnect and we will send them for you. It takes about a minute."
    because: str = "you look after the business's connections"


def _words(notice: Notice, connection: Connection, person: Person, asker: Person | None) -> _Words:
    provider = display_name(connection)
    organisation = connection.organisation_name or provider
    day = _day(notice.happened_at, person.time_zone)
    match notice.stage:
        case Stage.ASKED:
            name = asker.name if asker else "Somebody"
            subject, happened = f"{name} asks you to reconnect {provider}", f"{name} asks you to log in to {provider}."
            if connection.is_broken_since(notice.generation):
                return _Words(subject, happened, because=f"{name} asked you")
            keeps = f"The connection to {organisation} works. A new login keeps it so for another year."
            return _Words(subject, happened, keeps, because=f"{name} asked you")
        case Stage.EXPIRED if notice.reason in _TAKEN_AWAY:
            subject = f"{provider} stopped sharing data with us"
            return _Words(subject, f"{subject} on {day}. Someone may have removed access in {provider}.")
        case Stage.EXPIRED:
            happened = f"Your {provider} connection to {organisation} has expired on {day}."
            return _Words(f"{provider} has disconnected", happened)
        case _:
            happened = f"Your {provider} connection to {organisation} still does not work, and items wait."
            return _Words(f"Reminder: {provider} is still disconnected", happened)


def display_name(connection: Connection) -> str:
    provider = connection.provider or "accounting software"
    return _DISPLAY_NAMES.get(provider, provider)


def _page(title: str, name: str, before: tuple[str, ...], action: tuple[str, str], after: tuple[str, ...]) -> str:
    label, url = (html.escape(part) for part in action)
    button = "background:#15803d;color:#ffffff;padding:12px 20px;border-radius:6px;text-decoration:none"
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>',
            '<body style="font-family:sans-serif;line-height:1.5;color:#1f2937;max-width:36em">',
            f"<p>Hello {html.escape(name)},</p>",
            *(f"<p>{html.escape(sentence)}</p>" for sentence in before),
            f'<p><a href="{url}" style="{button}">{label}</a></p>',
            *(f"<p>{html.escape(sentence)}</p>" for sentence in after),
            "</body></html>",
            "",
        ]
    )


def _day(time: datetime, time_zone: str) -> str:
    local = time.astimezone(_zone(time_zone))
    return f"{local.day} {local:%B %Y}"


def _zone(name: str) -> ZoneInfo:
    """The identity system may know a zone that this machine does not: then a day is that of UTC."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
