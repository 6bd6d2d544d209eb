"""What every data call passes before it is understood: token, company, limits, repeated request ids."""

from datetime import timedelta

from starlette.requests import Request

from simulator import idempotency
from simulator.calls import Answer, Call, Handler, ProviderFace, Refusal
from simulator.limits import Window, count
from simulator.quickbooks.formats import PROVIDER, failure, invalid_value, refuse, throttled, traced, unauthorised
from simulator.quickbooks.oauth import ACCOUNTING, authenticated
from simulator.records import Place
from simulator.state import Tx

CONCURRENT = 10
WINDOWS = (Window("minute", 500, 60), Window("second", 10, 1))
REQUEST_ID_LIFETIME = timedelta(hours=24)
"""Intuit does not say how long a requestid is remembered; a day is this simulator's choice."""
REQUEST_ID_LENGTH = 50


def organisation_of(request: Request, _tx: Tx) -> str | None:
    realm = request.path_params.get("realm")
    return str(realm) if realm else None


FACE = ProviderFace(PROVIDER, organisation_of, failure)


def place_of(call: Call) -> Place:
    assert call.organisation is not None
    return Place(PROVIDER, call.organisation)


def guarded(handle: Handler, *, limits_factor: int) -> Handler:
    """A handler that is reached only by calls which Intuit's gateway lets through."""

    def answer(call: Call, tx: Tx) -> Answer:
        try:
            _require_access(call, tx)
            _count(call, tx, limits_factor)
            return traced(_once(call, tx, handle))
        except Refusal as refusal:
            return traced(refusal.answer)

    return answer


def _require_access(call: Call, tx: Tx) -> None:
    grant = authenticated(call, tx).grant
    if ACCOUNTING not in grant.scopes or grant.organisation != call.organisation:
        raise Refusal(unauthorised(call.now))


def _count(call: Call, tx: Tx, factor: int) -> None:
    counted = count(call, tx, WINDOWS, factor=factor)
    if counted.exceeded or call.in_flight > CONCURRENT * factor:
        raise Refusal(throttled(call.now))


def _once(call: Call, tx: Tx, handle: Handler) -> Answer:
    """The original result for a requestid that was used before; what was refused may be asked again."""
    request_id = call.query.get("requestid")
    if request_id is None or call.method == "GET":
        return handle(call, tx)
    if len(request_id) > REQUEST_ID_LENGTH:
        raise refuse(call, invalid_value("requestid"))
    kept = idempotency.find(call, tx, request_id)
    if kept is not None:
        return kept.answer
    answer = handle(call, tx)
    if answer.effect is not None:
        idempotency.keep(call, tx, request_id, answer, lifetime=REQUEST_ID_LIFETIME)
    return answer
