"""What happened to a connection or an item, in words, the latest first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from web_svc import answers


@dataclass(frozen=True)
class Entry:
    """One line of a history. `tone` colours its mark, `icon` is the mark's picture."""

    at: datetime
    title: str
    tone: str
    icon: str
    note: str | None


_CONNECTION = {
    "login_started": ("Login started", "quiet", "arrow-right"),
    "login_allowed": ("Access allowed", "quiet", "check"),
    "login_failed": ("Login not completed", "warn", "triangle-alert"),
    "login_cancelled": ("Login cancelled", "quiet", "circle-x"),
    "login_begun_again": ("Login begun again", "quiet", "rotate-cw"),
    "login_taken_over": ("Login taken over", "quiet", "rotate-cw"),
    "organisation_mismatched": ("Another organisation came back", "warn", "triangle-alert"),
    "connected": ("Connected", "ok", "circle-check"),
    "warned": ("Warned: expires soon", "warn", "calendar-clock"),
    "expired": ("Expired", "bad", "circle-alert"),
    "quarantined": ("Stored access damaged", "bad", "circle-alert"),
    "admins_asked": ("Administrators asked to reconnect", "info", "send"),
    "link_made": ("Reconnect link made", "info", "link"),
    "new_link_asked": ("New reconnect link asked for", "info", "send"),
    "link_sent": ("Reconnect link sent", "info", "send"),
    "snoozed": ("Reminder put off", "quiet", "clock"),
    "reconnected": ("Reconnected", "ok", "circle-check"),
    "changed": ("Changed to another connection", "quiet", "arrow-left-right"),
    "settings_changed": ("Settings changed", "quiet", "pencil"),
    "disconnected": ("Disconnected", "quiet", "unplug"),
}

_DETAILS = {
    "intent: connect": "",
    "intent: reconnect": "",
    "intent: change": "to change",
    "channel: web": "on the web",
    "channel: mobile": "on a phone",
    "channel: link": "through a link",
    "problem: denied": "access was refused",
    "problem: scope missing": "a permission was missing",
    "problem: no organisation": "no organisation came back",
    "problem: timed out": "it took too long",
    "because: unavailable": "the software did not answer",
    "access: given back": "access was given back",
    "lists kept: yes": "lists were kept",
    "lists kept: no": "lists were cleared",
    "stage: 30": "30 days before",
    "stage: 14": "14 days before",
    "stage: 7": "7 days before",
    "stage: 1": "1 day before",
    "reason: consent lapsed": "the year was over",
    "reason: refresh expired": "access was not used for too long",
    "reason: organisation withdrawn": "access was removed in the software",
    "reason: grant revoked": "access was removed in the software",
}
"""What connection-svc notes with an event, in words."""

_FOR_SUPPORT = ("detected by: ", "begun by: ")
"""What the API tells and no page."""

_ITEM = {
    "review": ("To review", "quiet", "circle-dashed"),
    "ready": ("Ready", "quiet", "check"),
    "queued": ("Asked to publish", "quiet", "send"),
    "held": ("Waiting", "info", "clock"),
    "publishing": ("Publishing", "info", "loader-circle"),
    "uncertain": ("Outcome not known yet", "info", "circle-help"),
    "failed": ("Not published", "bad", "circle-x"),
    "published": ("Published", "ok", "circle-check"),
    "archived": ("Archived", "quiet", "history"),
    "attempt": ("Attempt", "quiet", "arrow-right"),
}


@dataclass(frozen=True)
class FirstLogin:
    """Who connected, and when."""

    by: str
    at: datetime


def first_login(history: Sequence[answers.TimelineEntry], names: Mapping[str, str]) -> FirstLogin | None:
    """None where it is not among these lines."""
    found = [
        FirstLogin(names.get(entry.by or "", "somebody"), entry.at) for entry in history if entry.what == "connected"
    ]
    return min(found, key=lambda login: login.at, default=None)


def connection_timeline(history: Sequence[answers.TimelineEntry], names: Mapping[str, str]) -> list[Entry]:
    """`names` are people by their user id; what a service did is told without saying by whom."""
    return _latest_first(_entry(entry, _CONNECTION, names) for entry in history)


def item_timeline(history: Sequence[answers.TimelineEntry]) -> list[Entry]:
    return _latest_first(_entry(entry, _ITEM, {}) for entry in reversed(history))


def _latest_first(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _entry(entry: answers.TimelineEntry, known: Mapping[str, tuple[str, str, str]], names: Mapping[str, str]) -> Entry:
    """An event that this release has no words for is shown by its own name."""
    plain = (entry.what.replace("_", " ").capitalize(), "quiet", "info")
    title, tone, icon = known.get(entry.what, plain)
    by = names.get(entry.by) if entry.by else None
    note = " · ".join(text for text in (by and f"by {by}", *_in_words(entry.detail or "")) if text)
    return Entry(entry.at, title, tone, icon, note or None)


def _in_words(detail: str) -> list[str]:
    """A detail that this release has no words for is shown as it was noted."""
    parts = (part.replace("_", " ") for part in detail.split(", "))
    told = (part.removeprefix("organisation: ") for part in parts if not part.startswith(_FOR_SUPPORT))
    return [_DETAILS.get(part, part) for part in told]
