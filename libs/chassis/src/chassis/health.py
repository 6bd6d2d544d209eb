"""What the platform asks a process: is it alive, is it ready, how is it doing. A worker's whole HTTP side."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import prometheus_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

Checks: TypeAlias = Mapping[str, Callable[[], Awaitable[bool]]]


def create_app(checks: Checks) -> Starlette:
    """The app of a process without an API: a third of the memory that http.py would take stays free."""
    return Starlette(routes=routes(checks))


def routes(checks: Checks) -> list[BaseRoute]:
    """Ready is who passes every check and was not told to stop."""

    async def live(_: Request) -> Response:
        return JSONResponse(content=True)  # the event loop turns

    async def ready(request: Request) -> Response:
        failing = [name for name, check in checks.items() if not await check()]
        failing += ["draining"] if getattr(request.app.state, "draining", False) else []
        return JSONResponse({"ready": not failing, "failing": failing}, 503 if failing else 200)

    async def show_metrics(_: Request) -> Response:
        return Response(prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST)

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", show_metrics)]
