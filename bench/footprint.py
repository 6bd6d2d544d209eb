"""What each process of the six services takes, beside the least that a service could be.

That is `bench.bare`: a FastStream application with one subscriber to one pydantic model, an asyncpg pool and a route
for readiness, under uvicorn. Both sides run on the same Python, PostgreSQL and Kafka; ours as devstack starts them.

- start: seconds from exec until `/health/ready` answers 200, in turns, ours after a bare one, while nothing else
  starts. Our workers are ready once they joined two consumer groups, one after the other, and read every state.
- memory: the resident set (RSS as the kernel counts it, shared libraries included) after 30 s without work, all
  processes at once as after `make up`.
- idle: the processor time of those 30 s, in per cent of one core.

`rich` and `greenlet` are hidden from both sides: structlog loads them where they are installed, as they are here for
development and in no image.
"""

import asyncio
import os
import sys
import tempfile
import time
import uuid
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psutil

from bench.ground import Ground
from bench.runner import ROUNDS, AtMost, Case
from bench.services import running, services_on
from devstack.environments import PROCESSES, Environments
from devstack.home import CHECKOUT
from devstack.ports import free_port
from devstack.processes import Program

BARE: Final = "the bare one"
FEW: Final = ("connection-svc.api", "publish-svc.worker", "web-svc.api")
HIDDEN: Final = ("rich", "greenlet")
IDLE_SECONDS = 30.0
_MIB: Final = 2**20


@dataclass(frozen=True)
class Round:
    """What was seen of each process by its name; of BARE as well, where it idles beside the others."""

    starts: dict[str, tuple[float, float]]
    """Seconds, ours and those of the bare one started just before."""
    memory: dict[str, float]
    idle: dict[str, float]


async def run(ground: Ground, *, small: bool) -> list[Case]:
    names, rounds, seconds = (FEW, 2, 1.0) if small else (PROCESSES, ROUNDS, IDLE_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        installation = await Installation.on(ground, Path(folder))
        await installation.round(names, 0)  # does not count: it writes the bytecode
        found = [await installation.round(names, seconds) for _ in range(rounds)]
    starts = {name: list(zip(*(each.starts[name] for each in found), strict=True)) for name in names}
    cases = [Case(f"start, {name}", "s", ours, theirs, AtMost(1.5)) for name, (ours, theirs) in starts.items()]
    bare = [each.memory[BARE] for each in found]
    cases += [
        Case(f"memory, {name}", "MiB", [each.memory[name] for each in found], bare, AtMost(1.5)) for name in names
    ]
    if small:  # too short to tell who idles
        return cases
    limits = dict.fromkeys(names, AtMost(2)) | {BARE: None}
    idle = {name: [each.idle[name] for each in found] for name in limits}
    return [*cases, *(Case(f"idle, {name}", "% of a core", idle[name], [], limits[name]) for name in limits)]


class Installation:
    """The services on a ground, and the bare one."""

    def __init__(self, environments: Environments, bare: Sequence[str], hidden: Path) -> None:
        self._environments, self._bare, self._hidden = environments, bare, hidden

    @classmethod
    async def on(cls, ground: Ground, folder: Path) -> "Installation":
        environments = await services_on(ground, folder)
        hidden = folder / "hidden"
        hidden.mkdir()
        for module in HIDDEN:
            (hidden / f"{module}.py").write_text("raise ImportError\n")
        bare = ("bench.bare", await ground.database(None), ground.kafka, await ground.topic("bench.bare.events"))
        return cls(environments, bare, hidden)

    async def round(self, names: Sequence[str], idle_seconds: float) -> Round:
        """Start all, one after the other, let them idle, and stop them."""
        starts = {}
        async with AsyncExitStack() as running:
            idlers = {BARE: (await running.enter_async_context(self._bare_one()))[0]}
            for name in names:
                async with self._bare_one() as (_, theirs):
                    pass
                idlers[name], ours = await running.enter_async_context(self._one_of_ours(name))
                starts[name] = (ours, theirs)
            before = {name: _busy_seconds(process) for name, process in idlers.items()}
            await asyncio.sleep(idle_seconds)
            idle = {name: 100 * (_busy_seconds(idlers[name]) - before[name]) / max(1, idle_seconds) for name in idlers}
            memory = {name: psutil.Process(process.pid).memory_info().rss / _MIB for name, process in idlers.items()}
        return Round(starts, memory, idle)

    @asynccontextmanager
    async def _bare_one(self) -> AsyncIterator[tuple[Process, float]]:
        port = free_port()
        command = (sys.executable, "-m", *self._bare, uuid.uuid4().hex, str(port))
        program = Program(BARE, command, {"PATH": os.environ["PATH"]}, CHECKOUT)
        async with self._started(program, port) as started:
            yield started

    @asynccontextmanager
    async def _one_of_ours(self, name: str) -> AsyncIterator[tuple[Process, float]]:
        program = self._environments.program(name, CHECKOUT)
        async with self._started(program, self._environments.places.ports[name]) as started:
            yield started

    @asynccontextmanager
    async def _started(self, program: Program, port: int) -> AsyncIterator[tuple[Process, float]]:
        """The process, and after how many seconds it was ready."""
        path = os.pathsep.join(filter(None, (str(self._hidden), os.environ.get("PYTHONPATH"))))
        begun = time.perf_counter()
        async with running(replace(program, environment={**program.environment, "PYTHONPATH": path}), port) as process:
            yield process, time.perf_counter() - begun


def _busy_seconds(process: Process) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system
