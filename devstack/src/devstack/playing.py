"""What every long play on a stack needs: patience, company, rest at the end, and words for what went wrong."""

import asyncio
import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

import httpx2
import structlog

from devstack.demo.show import Storyteller
from devstack.demo.story import NotAsTold
from devstack.demo.upstream import Outage
from devstack.findings import Finding
from devstack.home import DevstackError, write_whole
from devstack.stack import Stack

FAILURES: Final = (NotAsTold, DevstackError, httpx2.HTTPError)
"""What ends a play: the system did something else than it promises, or could not be asked any more."""
ANSWER_WITHIN_SECONDS: Final = 150.0
"""Above the minute after which what a killed process had begun under an idempotency key may be begun again."""
AT_REST_WITHIN_SECONDS: Final = 300.0
"""A provider that failed often is left alone for a minute, and a mail that could not be sent for up to two."""
RESTING_SECONDS: Final = 3.0
MOST_SENTENCES: Final = 20

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T | None]], what: str, *, seconds: float = ANSWER_WITHIN_SECONDS) -> T:
    """Look until there is something to see. What is away meanwhile only costs patience; raises NotAsTold."""
    end = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < end:
        try:
            if found := await look():
                return found
            last = found
        except (Outage, httpx2.TransportError) as outage:
            last = outage
        await asyncio.sleep(0.3)
    raise NotAsTold(f"after {seconds:.0f} s it is still not so that {what} (last seen: {last!r})")


async def answered(ask: Callable[[], Awaitable[T]], what: str) -> T:
    """Ask until there is an answer; everything that is asked for here may be asked for again."""
    answers: list[T] = []

    async def once() -> list[T]:
        answers.append(await ask())
        return answers

    return (await until(once, what))[0]


@asynccontextmanager
async def meanwhile(*endless: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run these while the block runs; what one of them raises ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in endless]
        yield
        for task in tasks:
            task.cancel()


async def at_rest(left_to_do: Callable[[], Awaitable[Mapping[str, int]]]) -> float:
    """Returns when nothing has been on its way for a moment: since when, in monotonic time. Raises NotAsTold."""
    began = time.monotonic()
    at_rest_since: float | None = None
    while at_rest_since is None or time.monotonic() - at_rest_since < RESTING_SECONDS:
        left = await left_to_do()
        at_rest_since = None if left else at_rest_since or time.monotonic()
        if time.monotonic() - began > AT_REST_WITHIN_SECONDS:
            raise NotAsTold(f"{AT_REST_WITHIN_SECONDS:.0f} s after the last kill something is left: {left}")
        await asyncio.sleep(0.5)
    return at_rest_since


@dataclass
class Report(ABC):
    """What a play writes for other programs to read. The same seed is the same plan."""

    seed: int
    problems: list[str] = field(default_factory=list, kw_only=True)
    findings: list[Finding] = field(default_factory=list, kw_only=True)

    @property
    def ok(self) -> bool:
        return bool(self.findings) and not self.problems and all(finding.holds for finding in self.findings)

    @abstractmethod
    def as_json(self) -> str: ...


R = TypeVar("R", bound=Report)
Play = Callable[[Stack, Storyteller, R], Coroutine[None, None, None]]


def play_from_empty(play: Play[R], report: R, tell: Callable[[R, Storyteller], None], stack: Stack, file: str) -> int:
    """Start everything from empty, play, stop it again, tell what came of it. The exit code: 0 if all is as told."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    show = Storyteller()
    show.say(f"Seed {report.seed}: the same plan again with SEED={report.seed}")
    try:
        with show.step("From empty: Kafka, PostgreSQL, practice providers and six services start"):
            stack.reset(show.say)
            stack.up(show.say)
        asyncio.run(play(stack, show, report))
    except* FAILURES as failures:
        report.problems += sentences(failures)
    finally:
        stack.down(show.say)
    for problem in report.problems[:MOST_SENTENCES]:
        show.say(f"[bold red]Not as told:[/] {problem}")
    if len(report.problems) > MOST_SENTENCES:
        show.say(f"[bold red]Not as told:[/] {len(report.problems) - MOST_SENTENCES} more, which the JSON has")
    tell(report, show)
    write_whole(stack.home.directory / file, report.as_json())
    words = "[bold green]All as told[/]" if report.ok else "[bold red]Not as told[/]"
    show.say(f"{words}, seed {report.seed}. The same as JSON: {stack.home.directory.name}/{file}")
    return 0 if report.ok else 1


def part_of(chance: random.Random) -> random.Random:
    """A sequence of its own, so that what one part draws changes nothing for the others."""
    return random.Random(chance.random())  # noqa: S311 - to be repeatable


def sentences(failures: BaseExceptionGroup[BaseException]) -> list[str]:
    """What each of them says."""
    nested = [sentences(each) if isinstance(each, BaseExceptionGroup) else [str(each)] for each in failures.exceptions]
    return [sentence for found in nested for sentence in found]
