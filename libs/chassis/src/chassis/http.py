"""A service's HTTP side: one app factory, problem details (RFC 9457), and who may do what."""

import re
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Annotated, Final
from uuid import uuid4

import asyncpg
import structlog
from fastapi import APIRouter, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry import propagate, trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import metrics
from chassis.database import Database, is_outage
from chassis.health import Checks, routes
from chassis.idempotency import Idempotency
from chassis.observe import traceparent
from chassis.openapi import OF_EVERY_ROUTE, describe, may_answer
from chassis.problems import Problem
from chassis.service_tokens import Caller, Gate

__all__ = ["MAX_BODY_BYTES", "Problem", "allow", "create_app", "may_answer"]

MAX_BODY_BYTES: Final = 1_000_000

_REQUEST_ID: Final = re.compile(r"[\w.-]{1,64}")
_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer("chassis.http")


def create_app(  # noqa: PLR0913 - what an app is made of
    title: str,
    *,
    version: str,
    health: Checks,
    routers: Iterable[APIRouter] = (),
    gate: Gate | None = None,
    database: Database | None = None,
) -> FastAPI:
    """The app of an API, ready as `health` says.

    With `gate` and `database`, a POST that carries an Idempotency-Key runs once (see idempotency.py).
    """
    app = FastAPI(title=title, version=version, routes=routes(health), responses=may_answer(*OF_EVERY_ROUTE))
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    if gate is not None and database is not None:
        app.add_middleware(Idempotency, gate=gate, database=database)
    app.add_middleware(_Requests)  # the outermost: added last
    return app


def allow(gate: Gate, *roles: str) -> Callable[[str | None], Awaitable[Caller]]:
    """A dependency that gives the caller if it has one of `roles` (none named: any role); 401 or 403 otherwise.

    It says nothing about whose data it is: somebody else's business is the query's to exclude, and a 404.
    """

    async def allowed(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> Caller:
        caller = await gate.caller(authorization)
        if roles and caller.role not in roles:
            raise Problem(403, "forbidden", "Not allowed", f"This needs one of the roles {', '.join(roles)}.")
        structlog.contextvars.bind_contextvars(business_id=caller.business_id, caller=caller.service or "program")
        return caller

    return allowed


class _Requests:
    """Around each request: its id, span, metrics and size limit, and an answer to whatever nobody else caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        begun, status, left = time.perf_counter(), 0, MAX_BODY_BYTES

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise Problem(413, "too_large", "Request too large", f"A request takes at most {MAX_BODY_BYTES} bytes.")
            return message

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update({"x-request-id": request_id, **traceparent()})
            await send(message)

        with _tracer.start_as_current_span(scope["method"], propagate.extract(headers), trace.SpanKind.SERVER) as span:
            try:
                await self._app(scope, limited, answer)
            except Exception as error:
                if status:  # too late for another answer: the server cuts the connection
                    raise
                await (await _answer(Request(scope), error))(scope, receive, answer)
            route = getattr(scope.get("route"), "path", "unmatched")
            span.update_name(f"{scope['method']} {route}")
        metrics.http_requests.labels(scope["method"], route, status).inc()
        metrics.http_seconds.labels(scope["method"], route).observe(time.perf_counter() - begun)


async def _answer(request: Request, error: Exception) -> Response:
    """The one place where errors become problem details."""
    problem = _as_problem(error)
    content = {"type": f"/docs/errors/{problem.code}", "title": problem.title, "status": problem.status_code}
    content |= {"detail": problem.detail, "code": problem.code, "correlation_id": request.state.request_id}
    content |= {"errors": problem.errors} if problem.errors else {}
    return JSONResponse(content, problem.status_code, problem.headers, media_type="application/problem+json")


def _as_problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):  # the framework's own: 404 of no route, 405, 400 of a broken body
        code = f"http_{error.status_code}"
        return Problem(error.status_code, code, "Not possible", error.detail, headers=error.headers)
    if isinstance(error, RequestValidationError):
        errors = [
            {"pointer": "/".join(("", *map(str, each["loc"]))), "code": each["type"], "detail": each["msg"]}
            for each in error.errors()
        ]
        return Problem(422, "invalid_request", "The request does not fit", "See the fields in errors.", errors)
    if isinstance(error, (UnicodeEncodeError, asyncpg.CharacterNotInRepertoireError)):  # half a character, or a null
        return Problem(422, "invalid_text", "The request does not fit", "Some text has a character that none can have.")
    if is_outage(error):
        _log.warning("request.outage", error=f"{type(error).__name__}: {error}")
        return Problem(503, "unavailable", "Not available just now", "Try again soon.", headers={"Retry-After": "2"})
    _log.error("request.failed", exc_info=error)
    return Problem(500, "internal", "Something went wrong here", "It is logged under the correlation id.")
