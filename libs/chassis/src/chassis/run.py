"""A process from start to SIGTERM: its jobs, its HTTP server, and an end that takes a bounded time."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Protocol

import structlog
import uvicorn
from starlette.applications import Starlette

from chassis import metrics
from chassis.clock import happens_within
from chassis.database import is_outage

_log = structlog.get_logger(__name__)


class Job(Protocol):
    """Something that runs until it is told to stop, then finishes what it has in hand."""

    name: str

    async def run(self, stopping: asyncio.Event) -> None: ...


async def serve(
    *jobs: Job | Coroutine[Any, Any, None], http: tuple[Starlette, str, int] | None = None, drain_seconds: float = 15
) -> None:
    """Run until SIGTERM or SIGINT, then give everything `drain_seconds` to finish before it is cancelled.

    A plain coroutine cannot be told to stop: it is cancelled at once. When a job crashes the others are drained and
    the process exits with 1. `http` is app, host and port; while draining it still answers, but is not ready.
    """
    # What was imported stays: under load each full collection would look through it, for 20 ms. A batch of events goes
    # without the collector; left alone it would look every 700 objects, for a tenth of the time of handling events.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    cut = {asyncio.create_task(job) for job in jobs if isinstance(job, Coroutine)}
    told = {asyncio.create_task(job.run(stopping), name=job.name) for job in jobs if not isinstance(job, Coroutine)}
    if http is not None:
        told.add(asyncio.create_task(_serve_http(*http, stopping, drain_seconds), name="http"))
    tasks = told | cut
    crashed: list[asyncio.Task[None]] = []

    def look(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _log.error("job.crashed", job=task.get_name(), exc_info=task.exception())
            crashed.append(task)
            stopping.set()

    for task in tasks:
        task.add_done_callback(look)
    await stopping.wait()
    _log.info("process.draining", seconds=drain_seconds)
    for task in cut:
        task.cancel()
    _, late = await asyncio.wait(tasks, timeout=drain_seconds) if tasks else (tasks, tasks)
    for task in late:
        _log.warning("process.cut_off", job=task.get_name())
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if crashed:
        raise SystemExit(1)


async def _serve_http(app: Starlette, host: str, port: int, stopping: asyncio.Event, drain_seconds: float) -> None:
    config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, server_header=False)
    # Above the 5 s of httpx2 and the minute of most proxies: who closes first must be the one that would ask again.
    config.timeout_keep_alive = 75
    config.timeout_graceful_shutdown = max(1, int(drain_seconds) - 2)
    server = uvicorn.Server(config)
    # Signals are serve()'s: uvicorn would replace its handlers and, at the end, raise the signal again.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    serving = asyncio.create_task(server.serve())
    serving.add_done_callback(lambda _: stopping.set())  # a busy port ends the process
    await stopping.wait()
    app.state.draining = server.should_exit = True
    await serving


class Loop:
    """Calls `step` again and again: at once while it returns True (there was work), else after `every`.

    A step that fails is called again after a pause that doubles up to a minute. That is so for an outage of the
    database or of something it calls, and for a bug as well, which is logged as an error: a background loop that dies
    quietly would be worse. Stops between steps.
    """

    def __init__(self, name: str, step: Callable[[], Awaitable[bool]], *, every: timedelta) -> None:
        self.name, self._step, self._every = name, step, every.total_seconds()

    async def run(self, stopping: asyncio.Event) -> None:
        failures = 0
        while not stopping.is_set():
            try:
                outcome = "worked" if await self._step() else "idle"
                failures, pause = 0, 0.0 if outcome == "worked" else self._every
            except Exception as error:  # noqa: BLE001 - see the promise above
                failures += 1
                outcome = "waiting" if is_outage(error) else "failed"
                pause = min(60.0, 0.5 * 2**failures)
                _log.warning(
                    f"loop.{outcome}", loop=self.name, seconds=pause, exc_info=outcome == "failed", error=str(error)
                )
            metrics.loop_steps.labels(self.name, outcome).inc()
            await happens_within(stopping, pause)
