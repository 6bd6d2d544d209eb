"""A process from start to SIGTERM: its jobs, its HTTP server, and an end that takes a bounded time."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from datetime import timedelta
from typing import Any, Protocol

import structlog
import uvicorn
from fastapi import FastAPI

from chassis import metrics
from chassis.database import is_outage

_LONGEST_PAUSE_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class Job(Protocol):
    """Something that runs until it is told to stop, then finishes what it has in hand."""

    @property
    def name(self) -> str: ...

    async def run(self, stopping: asyncio.Event) -> None: ...


async def serve(
    *jobs: Job | Coroutine[Any, Any, None],
    http: tuple[FastAPI, str, int] | None = None,
    drain_seconds: float = 15,
) -> None:
    """Run until SIGTERM or SIGINT, then give everything `drain_seconds` to finish before it is cancelled.

    A plain coroutine cannot be told to stop: it is cancelled at once. When a job crashes the others are drained and
    the process exits with 1. While draining the HTTP server is not ready but still answers.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    told = {asyncio.create_task(job.run(stopping), name=job.name) for job in jobs if not isinstance(job, Coroutine)}
    cut = {asyncio.create_task(job, name=str(job)) for job in jobs if isinstance(job, Coroutine)}
    if http is not None:
        told.add(asyncio.create_task(_serve_http(*http, stopping, drain_seconds), name="http"))
    waiter = asyncio.create_task(stopping.wait(), name="stopping")
    crashed = await _first_crash({*told, *cut}, waiter)
    stopping.set()
    _log.info("process.draining", seconds=drain_seconds)
    for task in cut:
        task.cancel()
    waiter.cancel()
    _, late = await asyncio.wait({*told, *cut}, timeout=drain_seconds)
    for task in late:
        _log.warning("process.cut_off", job=task.get_name())
        task.cancel()
    ended = await asyncio.gather(*told, *cut, return_exceptions=True)
    if crashed or any(isinstance(end, Exception) for end in ended):
        raise SystemExit(1)


async def _first_crash(tasks: set[asyncio.Task[None]], stopping: asyncio.Task[Any]) -> bool:
    running: set[asyncio.Task[Any]] = {*tasks, stopping}
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("job.crashed", job=task.get_name(), exc_info=error)
                return True
        if stopping in done:
            return False
    return False


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are serve()'s: uvicorn would replace its handlers and, at the end, raise the signal again


async def _serve_http(app: FastAPI, host: str, port: int, stopping: asyncio.Event, drain_seconds: float) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, int(drain_seconds) - 2),
        )
    )
    task = asyncio.create_task(server.serve())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    app.state.draining = True
    server.should_exit = True
    await task
    if not stopping.is_set():
        raise OSError(f"the HTTP server on {host}:{port} ended by itself")


class Loop:
    """Calls `step` again and again: at once while it returns True (there was work), else after `every`.

    A step that fails is called again after a pause that doubles up to a minute. That is so for an outage of the
    database or of something it calls, and for a bug as well, which is logged as an error: a background loop that dies
    quietly would be worse. Stops between steps.
    """

    def __init__(self, name: str, step: Callable[[], Awaitable[bool]], *, every: timedelta) -> None:
        self.name = name
        self._step = step
        self._every = every.total_seconds()

    async def run(self, stopping: asyncio.Event) -> None:
        failures = 0
        while not stopping.is_set():
            try:
                worked = await self._step()
            except Exception as error:  # noqa: BLE001 - see the promise above
                outage = is_outage(error)
                failures += 1
                pause = min(_LONGEST_PAUSE_SECONDS, 0.5 * 2**failures)
                metrics.loop_steps.labels(self.name, "waiting" if outage else "failed").inc()
                if outage:
                    _log.warning("loop.waiting", loop=self.name, seconds=pause, error=str(error))
                else:
                    _log.exception("loop.failed", loop=self.name, seconds=pause)
            else:
                failures = 0
                pause = 0.0 if worked else self._every
                metrics.loop_steps.labels(self.name, "worked" if worked else "idle").inc()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
