"""How Sage writes values, lists and errors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid4, uuid5

from simulator.calls import Answer, Call, Refusal, json_answer
from simulator.encoding import Json
from simulator.records import Record
from simulator.values import cents

PROVIDER = "sage"
API = "/sage/v3.1"


@dataclass(frozen=True)
class Problem:
    code: str
    message: str
    source: str = ""


def invalid(message: str, source: str) -> Problem:
    return Problem("RecordInvalid", message, source)


def required(source: str) -> Problem:
    return invalid("This field is required.", source)


def fixed_id(*parts: str) -> str:
    """The same 32 hexadecimal digits for the same words, at every start."""
    return uuid5(NAMESPACE_URL, "practice-sage/" + "/".join(parts)).hex


def new_id() -> str:
    return uuid4().hex


def money(amount: Decimal) -> str:
    """Live answers are reported to hold decimal strings, whatever the documentation draws."""
    return str(cents(amount))


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def reference_to(kind: str, record_id: str, name: str) -> Json:
    """How one object names another."""
    return {"id": record_id, "displayed_as": name, "$path": f"/{kind}/{record_id}"}


def shown(record: Record) -> Json:
    """The whole object, as a single read shows it."""
    own = reference_to(record.kind, record.id, record.body["displayed_as"])
    times = {"created_at": timestamp(record.created_at), "updated_at": timestamp(record.updated_at)}
    return {**own, **record.body, **times}


def summary(body: Json, attributes: str) -> Json:
    """An item of a list: its id and name, and what `attributes` asks for."""
    if attributes == "all":
        return body
    wanted = {"id", "displayed_as", "$path", *attributes.split(",")}
    return {name: value for name, value in body.items() if name in wanted}


def list_of(call: Call, bodies: Sequence[Json]) -> Answer:
    """The page that was asked for."""
    page, size = _whole(call, "page", 1), _whole(call, "items_per_page", 20)
    if not 1 <= size <= MOST_ITEMS:
        raise refuse(400, Problem("UnexpectedError", f"items_per_page must be from 1 to {MOST_ITEMS}"))
    items = bodies[(page - 1) * size : page * size]
    path = call.path.removeprefix(API)
    neighbours = {"$next": page + 1 if page * size < len(bodies) else None, "$back": page - 1 if page > 1 else None}
    return json_answer(
        {
            "$total": len(bodies),
            "$page": page,
            **{name: number and f"{path}?page={number}&items_per_page={size}" for name, number in neighbours.items()},
            "$itemsPerPage": size,
            "$items": [summary(body, call.query.get("attributes", "")) for body in items],
        }
    )


MOST_ITEMS = 200


def errors(status: int, problems: Iterable[Problem]) -> Answer:
    found = [
        {"$severity": "error", "$dataCode": one.code, "$message": one.message, "$source": one.source}
        for one in problems
    ]
    return json_answer(found, status)


def refuse(status: int, *problems: Problem) -> Refusal:
    return Refusal(errors(status, problems))


UNAUTHORISED = Problem("AuthorizationFailure", "The access token is invalid or has expired.")
DENIED = Problem("MultiUserAccessDenied", "You do not have access to this business or area.")
NOT_FOUND = Problem("RecordNotFound", "The record could not be found.")
THROTTLED = Problem("TooManyRequests", "The request limit was reached.")


def failure(_call: Call, status: int, retry_after: int | None) -> Answer:
    """What Sage's edge says for a status that a fault rule asks for."""
    known = {401: UNAUTHORISED, 403: DENIED, 404: NOT_FOUND, 429: THROTTLED}
    answer = errors(status, [known.get(status, Problem("UnexpectedError", "The practice provider was asked to fail"))])
    return answer if retry_after is None else answer.with_headers({"Retry-After": str(retry_after)})


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    return int(text) if text.isdecimal() else default
