"""What every API call passes before it is understood: token, user agent, permission level, limits."""

from starlette.requests import Request

from simulator import grants
from simulator.calls import Answer, Call, Handler, ProviderFace, Refusal
from simulator.freeagent.formats import PROVIDER, failure, refuse, throttled
from simulator.freeagent.oauth import authenticated, level_of
from simulator.limits import Window, count
from simulator.records import Place
from simulator.state import Tx

WINDOWS = (Window("minute", 120, 60), Window("hour", 3_600, 3_600))
"""Per user in truth; here per company, which has one."""


def organisation_of(request: Request, tx: Tx) -> str | None:
    """The company that the token opens: nothing in a call names one."""
    token = grants.bearer_in(request.headers)
    held = grants.find_access_token(tx, PROVIDER, token) if token else None
    return held.grant.organisation if held else None


FACE = ProviderFace(PROVIDER, organisation_of, failure)


def place_of(call: Call) -> Place:
    """The company of an accepted call."""
    assert call.organisation is not None
    return Place(PROVIDER, call.organisation)


def guarded(level: int, handle: Handler, *, limits_factor: int) -> Handler:
    """A handler that is reached only by calls which FreeAgent lets through; `level` is what it asks of the person."""

    def answer(call: Call, tx: Tx) -> Answer:
        grant = authenticated(call, tx).grant
        if not call.headers.get("user-agent"):
            raise refuse(400, "A User-Agent header is required")
        counted = count(call, tx, WINDOWS, factor=limits_factor)
        if counted.exceeded:
            (full,) = (window for window in WINDOWS if window.name == counted.exceeded.window)
            raise Refusal(throttled(full.calls, full.seconds, counted.exceeded.retry_after))
        if level_of(grant) < level:
            raise refuse(403, "You do not have permission to do that")
        return handle(call, tx)

    return answer
