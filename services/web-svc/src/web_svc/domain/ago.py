"""How long ago something was, as people say it."""

from datetime import datetime, timedelta

_UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def is_just_now(moment: datetime, *, now: datetime) -> bool:
    """Whether it was within the last minute, or the clocks of two services disagree a little."""
    return now - moment < timedelta(minutes=1)


def ago(moment: datetime, *, now: datetime) -> str:
    """In the largest whole unit: "2 minutes ago"; "just now" within the first minute."""
    for name, unit in _UNITS:
        if count := (now - moment) // unit if now > moment else 0:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"
