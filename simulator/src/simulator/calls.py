"""One call of a provider's client: taken in whole, answered in one transaction together with its journal entry."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulator import faults, journal
from simulator.clock import Clocks
from simulator.encoding import dumps
from simulator.journal import Effect
from simulator.server import ConnectionCut
from simulator.state import State, Tx


@dataclass(frozen=True)
class Call:
    """A request as its handler sees it."""

    provider: str
    method: str
    path: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    query_text: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    """Scheme, host and port under which the client called."""
    organisation: str | None
    in_flight: int
    """How many calls for this organisation are being answered now, this one included."""
    now: datetime
    """The domain clock's: tokens and dates of documents."""
    system_now: datetime
    """The system clock's: limits and idempotency keys."""


@dataclass(frozen=True)
class Answer:
    """A response, and what giving it changed."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    effect: Effect | None = None

    def with_headers(self, extra: Mapping[str, str]) -> "Answer":
        return replace(self, headers={**self.headers, **extra})


class Refusal(Exception):
    """Ends a call with an answer that changes nothing. Raise it before anything is written."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(f"refused with {answer.status}")


Handler = Callable[[Call, Tx], Answer]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Of a route that answers for every address nobody else answers for, so that the journal has those calls too."""


@dataclass(frozen=True)
class ProviderFace:
    """How the calls of one provider differ before they are understood."""

    name: str
    organisation_of: Callable[[Request, Tx], str | None]
    """Whose books a request is about: by its address, a header, or the token behind it."""
    failure: Callable[[Call, int, int | None], Answer]
    """The provider's own body and headers for a status (and Retry-After in seconds) that a fault rule asks for."""


def json_answer(value: Any, status: int = 200, effect: Effect | None = None) -> Answer:
    return Answer(status, dumps(value).encode(), effect=effect)


class Desk:
    """Takes the calls of all providers, one answer each."""

    def __init__(self, state: State, clocks: Clocks) -> None:
        self._state = state
        self._clocks = clocks
        self._in_flight: Counter[tuple[str, str | None]] = Counter()

    def endpoint(self, face: ProviderFace, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            with self._state.transaction() as tx:
                organisation = face.organisation_of(request, tx)
            seat = (face.name, organisation)
            self._in_flight[seat] += 1
            try:
                return await self._answer(face, handle, request, organisation)
            finally:
                self._in_flight[seat] -= 1

        return answer

    async def _answer(
        self, face: ProviderFace, handle: Handler, request: Request, organisation: str | None
    ) -> Response:
        call = await self._taken_in(face, request, organisation)
        with self._state.transaction() as tx:
            fault = faults.take(tx, call.provider, call.method, call.path)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        with self._state.transaction() as tx:
            answer = self._effected(face, handle, call, fault, tx)
            journal.note(
                tx,
                journal.Entry(
                    at=call.now,
                    provider=call.provider,
                    method=call.method,
                    path=call.path,
                    query=call.query_text,
                    status=None if fault.cut else answer.status,
                    organisation=call.organisation,
                    effect=answer.effect,
                    fault=fault.summary,
                ),
            )
        if fault.cut:
            return ConnectionCut()
        return Response(answer.body, answer.status, dict(answer.headers), answer.content_type)

    def _effected(self, face: ProviderFace, handle: Handler, call: Call, fault: faults.Action, tx: Tx) -> Answer:
        if fault.cut == "before":
            return Answer(0)
        if fault.status is not None:
            answer = face.failure(call, fault.status, fault.retry_after)
        else:
            try:
                answer = handle(call, tx)
            except Refusal as refusal:
                answer = refusal.answer
        return answer if fault.body is None else replace(answer, body=fault.body.encode())

    async def _taken_in(self, face: ProviderFace, request: Request, organisation: str | None) -> Call:
        body = await request.body()
        return Call(
            provider=face.name,
            method=request.method,
            path=request.url.path,
            parts={name: str(value) for name, value in request.path_params.items()},
            query=request.query_params,
            query_text=request.url.query,
            headers=request.headers,
            body=body,
            base_url=str(request.base_url).rstrip("/"),
            organisation=organisation,
            in_flight=self._in_flight[face.name, organisation],
            now=self._clocks.domain(),
            system_now=self._clocks.system(),
        )
