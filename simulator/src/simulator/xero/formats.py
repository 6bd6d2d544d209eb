"""How Xero writes and reads values: dates, money, error bodies, XML by default."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5
from xml.sax.saxutils import escape

from simulator.calls import Answer, Call, Refusal, json_answer
from simulator.encoding import Json
from simulator.journal import Effect
from simulator.values import amount_in

PROVIDER = "xero"
_MS_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fixed_guid(*parts: str) -> str:
    """The same GUID for the same words, at every start."""
    return str(uuid5(NAMESPACE_URL, "practice-xero/" + "/".join(parts)))


def ms_date(value: date | datetime) -> str:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    return f"/Date({(moment - _EPOCH) // timedelta(milliseconds=1)}+0000)/"


def date_string(value: date) -> str:
    return f"{value.isoformat()}T00:00:00"


def read_date(value: Any, path: str) -> date:
    """A date in either form that Xero takes."""
    if isinstance(value, str):
        if found := _MS_DATE.fullmatch(value):
            return (_EPOCH + timedelta(milliseconds=int(found[1]))).date()
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            pass
    raise malformed(f"The JSON value could not be converted to a date. Path '{path}'.")


def read_amount(value: Any, path: str) -> Decimal:
    amount = amount_in(value)
    if amount is None:
        raise malformed(f"Could not convert value to decimal. Path '{path}'.")
    return amount


def envelope(call: Call, plural: str, elements: list[Json], pagination: Json | None = None) -> Json:
    return {
        "Id": str(uuid4()),
        "Status": "OK",
        "ProviderName": "Relink",
        "DateTimeUTC": ms_date(call.now),
        **({"pagination": pagination} if pagination else {}),
        plural: elements,
    }


def answer(
    call: Call,
    plural: str,
    elements: list[Json],
    *,
    pagination: Json | None = None,
    effect: Effect | None = None,
) -> Answer:
    return json_answer(envelope(call, plural, elements, pagination), effect=effect)


def gateway_error(status: int, title: str, detail: str) -> Answer:
    body: Json = {
        "Type": None,
        "Title": title,
        "Status": status,
        "Detail": detail,
        "Instance": str(uuid4()),
        "Extensions": {},
    }
    return json_answer(body, status)


def not_found() -> Answer:
    return Answer(404, b"The resource you're looking for cannot be found", "text/plain; charset=utf-8")


def validation_error(elements: list[Json], message: str = "A validation exception occurred") -> Answer:
    body = {"ErrorNumber": 10, "Type": "ValidationException", "Message": message, "Elements": elements}
    return json_answer(body, 400)


def malformed(message: str) -> Refusal:
    return Refusal(json_answer({"ErrorNumber": 14, "Type": "PostDataInvalidException", "Message": message}, 400))


def unreadable_where(message: str) -> Refusal:
    return Refusal(json_answer({"ErrorNumber": 16, "Type": "QueryParseException", "Message": message}, 400))


def throttled(problem: str, retry_after: int | None) -> Answer:
    headers = {"X-Rate-Limit-Problem": problem}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Answer(429, b"", "text/plain", headers)


def failure(_call: Call, status: int, retry_after: int | None) -> Answer:
    """What Xero's edge says for a status that a fault rule asks for."""
    if status == 429:  # noqa: PLR2004
        return throttled("minute", retry_after)
    if status == 401:  # noqa: PLR2004
        return gateway_error(401, "Unauthorized", "AuthenticationUnsuccessful")
    if status == 403:  # noqa: PLR2004
        return gateway_error(403, "Forbidden", "AuthenticationUnsuccessful")
    plain = Answer(status, b"The practice provider was asked to fail", "text/plain; charset=utf-8")
    return plain if retry_after is None else plain.with_headers({"Retry-After": str(retry_after)})


def wants_json(headers: Mapping[str, str]) -> bool:
    """Xero answers XML unless JSON is asked for by name."""
    return "json" in headers.get("accept", "")


def to_xml(name: str, value: Any) -> str:
    """A plain rendering, so that a client that forgot to ask for JSON notices; Xero's own XML differs in detail."""
    if isinstance(value, Mapping):
        inner = "".join(to_xml(key, inside) for key, inside in value.items())
    elif isinstance(value, list):
        inner = "".join(to_xml(name.removesuffix("s"), inside) for inside in value)
    else:
        inner = "" if value is None else escape(str(value))
    return f"<{name}>{inner}</{name}>"
