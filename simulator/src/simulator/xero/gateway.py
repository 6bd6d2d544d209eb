"""What every accounting call passes before it is understood: token, organisation, scope, limits, repeated keys."""

from datetime import timedelta

from starlette.requests import Request

from simulator import idempotency
from simulator.calls import Answer, Call, Handler, ProviderFace, Refusal
from simulator.encoding import loads
from simulator.limits import Counted, Window, count
from simulator.records import Place
from simulator.state import Tx
from simulator.xero.formats import PROVIDER, failure, gateway_error, throttled, to_xml, validation_error, wants_json
from simulator.xero.oauth import APP_MINUTE, authenticated

CONCURRENT = 5
WINDOWS = (Window("minute", 60, 60), Window("day", 5_000, 86_400), APP_MINUTE)
KEY_LIFETIME = timedelta(minutes=6)
KEY_LENGTH = 128


def organisation_of(request: Request, _tx: Tx) -> str | None:
    return request.headers.get("xero-tenant-id")


FACE = ProviderFace(PROVIDER, organisation_of, failure)


def place_of(call: Call) -> Place:
    """The organisation of an accepted call."""
    assert call.organisation is not None
    return Place(PROVIDER, call.organisation)


def guarded(scope: str, handle: Handler, *, limits_factor: int) -> Handler:
    """A handler that is reached only by calls which Xero's gateway lets through.

    `scope` is the writing one; for GET its `.read` form does too.
    """

    def answer(call: Call, tx: Tx) -> Answer:
        _require_access(call, tx, scope)
        counted = _counted(call, tx, limits_factor)
        try:
            answered = _once(call, tx, handle)
        except Refusal as refusal:
            answered = refusal.answer
        return _as_asked(call, answered).with_headers(_remaining(counted))

    return answer


def _require_access(call: Call, tx: Tx, scope: str) -> None:
    token = authenticated(call, tx)
    connected = tx.execute(
        "SELECT 1 FROM connections WHERE user = ? AND organisation = ?", (token.grant.user, call.organisation)
    ).fetchone()
    if connected is None:
        raise Refusal(gateway_error(403, "Forbidden", "AuthenticationUnsuccessful"))
    enough = {scope, f"{scope}.read"} if call.method == "GET" else {scope}
    if enough.isdisjoint(token.grant.scopes):
        raise Refusal(gateway_error(401, "Unauthorized", "AuthorizationUnsuccessful"))


def _counted(call: Call, tx: Tx, factor: int) -> Counted:
    if call.in_flight > CONCURRENT * factor:
        raise Refusal(throttled("concurrent", None))
    counted = count(call, tx, WINDOWS, factor=factor)
    if counted.exceeded:
        refused = throttled(counted.exceeded.window, counted.exceeded.retry_after)
        raise Refusal(refused.with_headers(_remaining(counted)))
    return counted


def _remaining(counted: Counted) -> dict[str, str]:
    return {
        "X-MinLimit-Remaining": str(counted.remaining["minute"]),
        "X-DayLimit-Remaining": str(counted.remaining["day"]),
        "X-AppMinLimit-Remaining": str(counted.remaining["appminute"]),
    }


def _once(call: Call, tx: Tx, handle: Handler) -> Answer:
    """The first answer to an Idempotency-Key, errors included, for six minutes."""
    key = call.headers.get("idempotency-key")
    if key is None or call.method == "GET":
        return handle(call, tx)
    if len(key) > KEY_LENGTH:
        return validation_error([], f"Idempotency Key: must be at most {KEY_LENGTH} characters.")
    kept = idempotency.find(call, tx, key)
    if kept is not None:
        if kept.fingerprint == idempotency.fingerprint(call):
            return kept.answer
        return validation_error([], f"Idempotency Key: {key} is used with a different request.")
    try:
        answer = handle(call, tx)
    except Refusal as refusal:
        answer = refusal.answer
    idempotency.keep(call, tx, key, answer, lifetime=KEY_LIFETIME)
    return answer


def _as_asked(call: Call, answer: Answer) -> Answer:
    if answer.content_type != "application/json" or wants_json(call.headers):
        return answer
    document = to_xml("Response", loads(answer.body)).encode()
    return Answer(answer.status, document, "text/xml; charset=utf-8", answer.headers, answer.effect)
