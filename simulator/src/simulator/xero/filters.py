"""Choosing, ordering and paging: `where` in the forms clients use, `order`, If-Modified-Since, page and pageSize."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from simulator.calls import Call
from simulator.encoding import Json
from simulator.records import Record
from simulator.xero.formats import ms_date, unreadable_where

_TERM = re.compile(
    r"""\s*(?P<field>[A-Za-z]+(?:\.[A-Za-z]+)*)\s*==\s*
        (?:"(?P<text>(?:[^"\\]|\\.)*)" | [Gg]uid\("(?P<guid>[^"]*)"\) | (?P<truth>true|false))\s*""",
    re.VERBOSE,
)
_AND = re.compile(r"(?:AND|&&)", re.IGNORECASE)
_MAX_PAGE_SIZE = 1000
_DEFAULT_PAGE_SIZE = 100

Condition = Callable[[Json], bool]


def shown(record: Record) -> Json:
    """The record as Xero shows it: its body and when it was last updated."""
    return {**record.body, "UpdatedDateUTC": ms_date(record.updated_at)}


def where(text: str | None) -> Condition:
    """`Field == value`, joined by AND; a value is a string, Guid("…"), true or false. Others are refused (400)."""
    if not text:
        return lambda _body: True
    terms = [_term(text_of_one, text) for text_of_one in _split(text)]
    return lambda body: all(_equal(_field(body, path), value) for path, value in terms)


def modified_since(records: Iterable[Record], headers: Mapping[str, str]) -> list[Record]:
    """Those created or changed at or after If-Modified-Since: ISO, UTC unless it says otherwise, or an HTTP date."""
    text = headers.get("if-modified-since")
    since = _moment(text) if text else None
    return [record for record in records if since is None or record.updated_at >= since]


def ordered(bodies: list[Json], order: str | None) -> list[Json]:
    if not order:
        return bodies
    field, _, direction = order.partition(" ")
    return sorted(bodies, key=lambda body: str(_field(body, field) or ""), reverse=direction.strip().upper() == "DESC")


def page_of(call: Call, bodies: list[Json]) -> tuple[list[Json], Json | None]:
    """One page and its description; everything and nothing when no page was asked for."""
    if "page" not in call.query and "pageSize" not in call.query:
        return bodies, None
    page = _whole(call.query.get("page"), 1)
    size = min(_whole(call.query.get("pageSize"), _DEFAULT_PAGE_SIZE), _MAX_PAGE_SIZE)
    pagination = {"page": page, "pageSize": size, "pageCount": -(-len(bodies) // size), "itemCount": len(bodies)}
    return bodies[(page - 1) * size : page * size], pagination


def listed(call: Call, name: str) -> set[str] | None:
    """The values of a comma-separated parameter; None when it was not given."""
    text = call.query.get(name)
    return {value.strip() for value in text.split(",")} if text else None


def _split(text: str) -> list[str]:
    """At AND outside quotes."""
    parts, quoted, last = [], False, 0
    for found in re.finditer(r'\\.|"|AND|&&', text, re.IGNORECASE):
        if found[0] == '"':
            quoted = not quoted
        elif not quoted and _AND.fullmatch(found[0]):
            parts.append(text[last : found.start()])
            last = found.end()
    return [*parts, text[last:]]


def _term(text: str, whole: str) -> tuple[str, str | bool]:
    found = _TERM.fullmatch(text)
    if not found:
        raise unreadable_where(f"Cannot read the where clause {whole!r}")
    if found["truth"]:
        return found["field"], found["truth"] == "true"
    if found["guid"] is not None:
        return found["field"], found["guid"]
    return found["field"], re.sub(r"\\(.)", r"\1", found["text"])


def _equal(held: Any, asked: str | bool) -> bool:  # noqa: FBT001 - a value of the client's, not a switch
    return held is asked if isinstance(asked, bool) else str(held or "").lower() == asked.lower()


def _field(body: Json, path: str) -> Any:
    value: Any = body
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole(text: str | None, default: int) -> int:
    return max(1, int(text)) if text and text.isdecimal() else default
