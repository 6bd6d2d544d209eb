"""How FreeAgent writes values, lists and refusals. What it names, it names by its address."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from simulator.calls import Answer, Call, Refusal, json_answer
from simulator.encoding import Json
from simulator.records import Record
from simulator.values import cents

PROVIDER = "freeagent"
API = "/freeagent/v2"
MOST_ROWS = 100


def address(call: Call, kind: str, record_id: str) -> str:
    """The record's address, as the client reaches us."""
    return f"{call.base_url}{API}/{kind}/{record_id}"


def id_in(value: Any, kind: str) -> str | None:
    """The id in an address of this kind; None for anything else."""
    found = re.fullmatch(rf".*/{kind}/([^/]+)/?", str(value or ""))
    return found[1] if found else None


def money(amount: Decimal) -> str:
    return str(cents(amount))


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def shown(call: Call, record: Record) -> Json:
    """The record as the API shows it, with its address."""
    times = {"created_at": timestamp(record.created_at), "updated_at": timestamp(record.updated_at)}
    return {"url": address(call, record.kind, record.id), **public(record.body), **times}


def public(body: Json) -> Json:
    """Without what is only ours."""
    return {name: value for name, value in body.items() if not name.startswith("_")}


def rows(call: Call, kind: str, bodies: Sequence[Json]) -> Answer:
    """The page that was asked for, with the addresses of its neighbours."""
    page, size = _whole(call, "page", 1), min(_whole(call, "per_page", 25), MOST_ROWS)
    last = max(1, -(-len(bodies) // size))
    neighbours = {"prev": page - 1, "next": page + 1, "first": 1, "last": last}
    links = [
        f'<{call.base_url}{call.path}?{_query(call, number, size)}>; rel="{name}"'
        for name, number in neighbours.items()
        if 1 <= number <= last
    ]
    answer = json_answer({kind: bodies[(page - 1) * size : page * size]})
    return answer.with_headers({"Link": ", ".join(links), "X-Total-Count": str(len(bodies))})


def refusal(status: int, *sentences: str) -> Answer:
    """One problem is an object, several are an array: both are seen."""
    found = [{"message": sentence} for sentence in sentences]
    return json_answer({"errors": {"error": found[0]} if len(found) == 1 else found}, status)


def refuse(status: int, *sentences: str) -> Refusal:
    return Refusal(refusal(status, *sentences))


def throttled(calls: int, seconds: int, retry_after: int) -> Answer:
    sentence = f"You must not exceed {calls} requests per {seconds} seconds".encode()
    return Answer(429, sentence, "text/plain; charset=utf-8", {"Retry-After": str(retry_after)})


def failure(_call: Call, status: int, retry_after: int | None) -> Answer:
    """What FreeAgent's edge says for a status that a fault rule asks for."""
    if status == 429:  # noqa: PLR2004
        return throttled(120, 60, 60 if retry_after is None else retry_after)
    answer = refusal(status, "The practice provider was asked to fail")
    return answer if retry_after is None else answer.with_headers({"Retry-After": str(retry_after)})


def _query(call: Call, page: int, size: int) -> str:
    kept = {name: value for name, value in call.query.items() if name not in {"page", "per_page"}}
    return "&".join(f"{name}={value}" for name, value in {**kept, "page": page, "per_page": size}.items())


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    return max(1, int(text)) if text.isdecimal() else default
