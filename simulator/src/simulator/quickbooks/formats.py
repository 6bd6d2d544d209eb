"""How QuickBooks Online writes and reads values, and its two families of faults."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from simulator.calls import Answer, Call, Refusal, json_answer
from simulator.clock import to_ms
from simulator.encoding import Json
from simulator.journal import Effect
from simulator.records import Record
from simulator.values import amount_in

PROVIDER = "quickbooks"
HOME_CURRENCY = {"value": "GBP", "name": "British Pound Sterling"}


@dataclass(frozen=True)
class Problem:
    code: str
    message: str
    detail: str
    element: str = ""
    status: int = 400


def timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def shown(record: Record) -> Json:
    """The record as the API shows it, with the times it was created and last updated."""
    times = {"CreateTime": timestamp(record.created_at), "LastUpdatedTime": timestamp(record.updated_at)}
    return {**record.body, "MetaData": times}


def answer(call: Call, body: Json, *, effect: Effect | None = None) -> Answer:
    return json_answer({**body, "time": timestamp(call.now)}, effect=effect)


def fault_of(*problems: Problem) -> Json:
    errors = [
        {"Message": one.message, "Detail": one.detail, "code": one.code, "element": one.element} for one in problems
    ]
    ours = problems[0].code in ("500", "10000")
    return {"Error": errors, "type": "SystemFault" if ours else "ValidationFault"}


def faults(now: datetime, *problems: Problem) -> Answer:
    """The data service's fault, with capitals."""
    return json_answer({"Fault": fault_of(*problems), "time": timestamp(now)}, problems[0].status)


def refuse(call: Call, *problems: Problem) -> Refusal:
    return Refusal(faults(call.now, *problems))


def gateway_fault(  # noqa: PLR0913 - what differs between its three kinds
    status: int, code: str, *, kind: str, reason: str, detail: str, now: datetime
) -> Answer:
    """The gateway's fault, all in lower case, unlike the data service's."""
    message = f"message={reason}; errorCode=00{code}; statusCode={status}"
    body: Json = {
        "warnings": None,
        "intuitObject": None,
        "fault": {
            "error": [{"message": message, "detail": detail, "code": code, "element": None}],
            "type": kind,
        },
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": to_ms(now),
        "status": None,
        "cdcresponse": [],
    }
    return json_answer(body, status)


def unauthenticated(detail: str, now: datetime) -> Answer:
    return gateway_fault(401, "3200", kind="AUTHENTICATION", reason="AuthenticationFailed", detail=detail, now=now)


def unauthorised(now: datetime) -> Answer:
    return gateway_fault(
        403, "3100", kind="SERVICE", reason="AuthorizationFailed", detail="The application may not do this", now=now
    )


def throttled(now: datetime) -> Answer:
    detail = "The request limit was reached.  Try again later"
    return gateway_fault(429, "3001", kind="SERVICE", reason="ThrottleExceeded", detail=detail, now=now)


def failure(call: Call, status: int, retry_after: int | None) -> Answer:
    """What Intuit's edge says for a status that a fault rule asks for."""
    now = call.now
    by_status = {
        401: lambda: unauthenticated("Token expired", now),
        403: lambda: unauthorised(now),
        429: lambda: throttled(now),
    }
    system = Problem(
        "10000", "An application error has occurred", "The practice provider was asked to fail", "", status
    )
    found = by_status[status]() if status in by_status else faults(now, system)
    return found if retry_after is None else found.with_headers({"Retry-After": str(retry_after)})


def traced(answered: Answer) -> Answer:
    return answered.with_headers({"intuit_tid": str(uuid4())})


def read_amount(call: Call, value: Any, element: str) -> Decimal:
    amount = amount_in(value)
    if amount is None:
        raise refuse(call, invalid_value(element))
    return amount


def invalid_value(element: str) -> Problem:
    return Problem(
        "2010", "Request has invalid or unsupported property", f"Property Name:{element} has an invalid value", element
    )


def missing(element: str) -> Problem:
    detail = f"Required parameter {element} is missing in the request"
    return Problem("2020", "Required param missing, need to supply the required value for the API", detail, element)


def invalid_reference(element: str, value: Any) -> Problem:
    return Problem("2500", "Invalid Reference Id", f"Invalid Reference Id : {element} {value} not found", element)


def wrong_length(element: str, longest: int) -> Problem:
    message = "String length is either shorter or longer than supported by specification"
    return Problem("2050", message, f"{element} takes 0 to {longest} characters", element)


def business_problem(detail: str, element: str = "") -> Problem:
    return Problem("6000", "A business validation error has occurred while processing your request", detail, element)


def object_not_found(detail: str) -> Problem:
    return Problem("610", "Object Not Found", f"Object Not Found : {detail}")


def stale(element: str) -> Problem:
    detail = "Stale Object Error : You and somebody else were working on this at the same time."
    return Problem("5010", "Stale Object Error", detail, element)


def unsupported(detail: str, *, status: int = 400) -> Problem:
    """Status 200 is no mistake: live QuickBooks was seen to answer so when a bill was to be voided."""
    return Problem("500", "Unsupported Operation", detail, status=status)
