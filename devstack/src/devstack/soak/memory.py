"""Whether memory stays flat: what each process holds, by its role, over the longest of its lives."""

import asyncio
import contextlib
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import psutil

from devstack.environments import PROCESSES
from devstack.stack import EVERY_PROCESS, Stack

SAMPLED_EVERY_SECONDS: Final = 2.0
WARM_UP_SECONDS: Final = 60.0
"""After its start a process fills its pools and comes through each of its ways for the first time."""
LEVEL_SECONDS: Final = 20.0
"""A level is the median over so long."""
MOST_GROWTH: Final = 1.10
JUDGED: Final = PROCESSES
"""Ours. Kafka and PostgreSQL keep within limits of their own; the practice providers and the mail catcher are no
product. They are measured all the same."""


@dataclass(frozen=True)
class Sample:
    """Resident bytes of one process; `at` in seconds of the monotonic clock."""

    at: float
    pid: int
    resident: int


@dataclass(frozen=True)
class Growth:
    """The longest life of a role, without its warm-up: levels in bytes, and the trend in bytes a minute."""

    name: str
    seconds: float
    first: float
    last: float
    per_minute: float

    @property
    def ratio(self) -> float:
        return self.last / self.first

    @property
    def is_judged(self) -> bool:
        return self.name in JUDGED

    @property
    def is_flat(self) -> bool:
        return self.ratio <= MOST_GROWTH


def growth(name: str, samples: Iterable[Sample]) -> Growth | None:
    """None where no life was long enough to tell: a warm-up and two levels."""
    lives: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[sample.pid].append(sample)
    longest = max(lives.values(), key=lambda life: life[-1].at - life[0].at, default=[])
    warm = [sample for sample in longest if sample.at >= longest[0].at + WARM_UP_SECONDS]
    if not warm or warm[-1].at - warm[0].at < 2 * LEVEL_SECONDS:
        return None
    begin, end = warm[0].at, warm[-1].at
    trend = statistics.linear_regression([sample.at for sample in warm], [sample.resident for sample in warm])
    return Growth(
        name=name,
        seconds=end - begin,
        first=_level(sample for sample in warm if sample.at < begin + LEVEL_SECONDS),
        last=_level(sample for sample in warm if sample.at > end - LEVEL_SECONDS),
        per_minute=trend.slope * 60,
    )


@dataclass
class MemoryWatch:
    """Samples every process of the stack until cancelled."""

    stack: Stack
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))

    async def run(self) -> None:
        while True:
            for name in EVERY_PROCESS:
                running = self.stack.processes.running(name)
                if running is not None:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        resident = psutil.Process(running.pid).memory_info().rss
                        self.samples[name].append(Sample(time.monotonic(), running.pid, resident))
            await asyncio.sleep(SAMPLED_EVERY_SECONDS)

    def growths(self) -> list[Growth]:
        """Of those that lived long enough to tell."""
        found = (growth(name, samples) for name, samples in self.samples.items())
        return [each for each in found if each is not None]


def _level(samples: Iterable[Sample]) -> float:
    return statistics.median(sample.resident for sample in samples)
