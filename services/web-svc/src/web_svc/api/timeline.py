"""What happened to a connection or an item, in words, the latest first."""

from collections.abc import Mapping
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
    "authorisation_started": ("Login started", "quiet", "arrow-right"),
    "authorisation_failed": ("Login not completed", "warn", "triangle-alert"),
    "established": ("Connected", "ok", "circle-check"),
    "expiring": ("Warned: expires soon", "warn", "calendar-clock"),
    "expired": ("Expired", "bad", "circle-alert"),
    "revoked": ("Access removed", "bad", "link-2-off"),
    "reconnected": ("Reconnected", "ok", "circle-check"),
    "organisation_mismatched": ("Login brought another organisation", "warn", "triangle-alert"),
    "settings_changed": ("Settings changed", "quiet", "pencil"),
    "disconnected": ("Disconnected", "quiet", "unplug"),
    "reconnect_requested": ("Administrators were told", "info", "bell"),
    "reconnect_asked": ("Somebody asked to reconnect", "info", "users"),
    "reconnect_completed": ("Repair completed", "quiet", "check"),
}

_ITEM = {
    "received": ("Received", "quiet", "inbox"),
    "publish_requested": ("Publish asked for", "quiet", "send"),
    "held": ("Waiting", "info", "clock"),
    "released": ("Goes on", "info", "arrow-right"),
    "published": ("Published", "ok", "circle-check"),
    "publish_failed": ("Not published", "bad", "circle-x"),
    "outcome_uncertain": ("Outcome not known yet", "info", "circle-help"),
}


def connection_timeline(history: list[answers.TimelineEntry], names: Mapping[str, str]) -> list[Entry]:
    """`names` are people by their user id."""
    return [_entry(entry, _CONNECTION, names) for entry in history]


def item_timeline(history: list[answers.TimelineEntry]) -> list[Entry]:
    return [_entry(entry, _ITEM, {}) for entry in history]


def _entry(entry: answers.TimelineEntry, known: Mapping[str, tuple[str, str, str]], names: Mapping[str, str]) -> Entry:
    """An event that this release has no words for is shown by its own name."""
    plain = (entry.what.replace("_", " ").capitalize(), "quiet", "info")
    title, tone, icon = known.get(entry.what, plain)
    by = names.get(entry.by, entry.by) if entry.by else None
    note = " · ".join(text for text in (by and f"by {by}", entry.detail) if text)
    return Entry(entry.at, title, tone, icon, note or None)
