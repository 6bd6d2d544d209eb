"""What every API call passes before it is understood: token, business, rights, limits, repeated idempotency ids."""

import re
from datetime import timedelta
from typing import Any

from starlette.requests import Request

from simulator import grants, idempotency
from simulator.calls import Answer, Call, Handler, ProviderFace, Refusal
from simulator.encoding import loads
from simulator.limits import Window, count
from simulator.records import Place
from simulator.sage.formats import DENIED, PROVIDER, THROTTLED, Problem, failure, invalid, refuse
from simulator.sage.oauth import FULL_ACCESS, authenticated, businesses_of
from simulator.state import Tx

WINDOWS = (Window("minute", 100, 60), Window("day", 2_500, 86_400))
ID_LIFETIME = timedelta(days=7)
MISMATCH = Problem("IdempotencyResourceMismatch", "The idempotency id was used for another resource.")
_ID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)


def organisation_of(request: Request, tx: Tx) -> str | None:
    """The business that is named, else the lead business of the token."""
    if named := request.headers.get("x-business"):
        return named
    token = grants.bearer_in(request.headers)
    held = grants.find_access_token(tx, PROVIDER, token) if token else None
    return next(iter(businesses_of(tx, held.grant.id)), None) if held else None


FACE = ProviderFace(PROVIDER, organisation_of, failure)


def place_of(call: Call) -> Place:
    """The business of an accepted call."""
    assert call.organisation is not None
    return Place(PROVIDER, call.organisation)


def guarded(handle: Handler, *, limits_factor: int, of_a_business: bool = True) -> Handler:
    """A handler that is reached only by calls which Sage lets through; some are about the person alone."""

    def answer(call: Call, tx: Tx) -> Answer:
        grant = authenticated(call, tx).grant
        if of_a_business and call.organisation not in businesses_of(tx, grant.id):
            raise refuse(403, DENIED)
        if call.method != "GET" and FULL_ACCESS not in grant.scopes:
            raise refuse(403, DENIED)
        if count(call, tx, WINDOWS, factor=limits_factor).exceeded:
            raise refuse(429, THROTTLED)
        try:
            answered = _once(call, tx, handle)
        except Refusal as refusal:
            answered = refusal.answer
        return answered.with_headers({"X-Business": call.organisation} if call.organisation else {})

    return answer


def _once(call: Call, tx: Tx, handle: Handler) -> Answer:
    """The original result for an idempotency_id that was used before; what was refused may be sent again."""
    key = _idempotency_id(call) if call.method != "GET" else None
    if key is None:
        return handle(call, tx)
    if not _ID.fullmatch(key):
        raise refuse(422, invalid("must be 32 hexadecimal digits", "idempotency_id"))
    kept = idempotency.find(call, tx, key)
    if kept is not None and kept.fingerprint != idempotency.fingerprint(call):
        raise refuse(422, MISMATCH)
    if kept is not None:
        return kept.answer
    answer = handle(call, tx)
    if answer.effect is not None:
        idempotency.keep(call, tx, key, answer, lifetime=ID_LIFETIME)
    return answer


def _idempotency_id(call: Call) -> str | None:
    """It is inside the one object that the body wraps."""
    try:
        document: Any = loads(call.body)
        (resource,) = document.values()
        found = resource.get("idempotency_id")
    except (ValueError, AttributeError):
        return None
    return None if found is None else str(found)
