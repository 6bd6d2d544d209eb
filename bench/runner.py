"""What a benchmark measures with, and what it hands over: cases, each a ratio with a target.

Absolute figures of two runs are never compared: both sides of a ratio are measured in turns, in one run.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias

ROUNDS: Final = 5
TOLERANCE: Final = 0.8  # a ratio may be this much worse than the committed one before the run fails

Figure: TypeAlias = Callable[[], Awaitable[float]]
"""Does one round's work and answers its figure."""


@dataclass(frozen=True)
class AtLeast:
    """A ratio that should be high: rates."""

    limit: float

    def is_met(self, value: float) -> bool:
        return value >= self.limit

    def is_worse(self, value: float, than: float) -> bool:
        return value < than * TOLERANCE

    def __str__(self) -> str:
        return f"≥ {self.limit:g}"


@dataclass(frozen=True)
class AtMost:
    """A ratio that should be low: seconds, bytes."""

    limit: float

    def is_met(self, value: float) -> bool:
        return value <= self.limit

    def is_worse(self, value: float, than: float) -> bool:
        return value > than / TOLERANCE

    def __str__(self) -> str:
        return f"≤ {self.limit:g}"


@dataclass(frozen=True)
class Exactly:
    """A count that must be this, whatever it was before: violations of order, lost events."""

    limit: float

    def is_met(self, value: float) -> bool:
        return value == self.limit

    def is_worse(self, value: float, than: float) -> bool:
        return value not in (self.limit, than)

    def __str__(self) -> str:
        return f"= {self.limit:g}"


Target: TypeAlias = AtLeast | AtMost | Exactly


@dataclass(frozen=True)
class Case:
    """One comparison: `ours` and `theirs` hold the figure of each round, in `unit`; no `target` makes it a note.

    A case without `theirs` is a figure of its own: a count, or a share that was already divided.
    """

    case: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    target: Target | None

    @property
    def ratios(self) -> list[float]:
        """Ours over theirs, round by round."""
        if not self.theirs:
            return list(self.ours)
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median round: in a count the worst one."""
        return max(self.ratios) if isinstance(self.target, Exactly) else median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest round. Of n rounds that is a confidence interval of the median at 1 - 2^(1-n)."""
        return min(self.ratios), max(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """Between which rounds the median lies with about 95 % confidence, by their order alone."""
        rounds = sorted(self.ratios)
        outside = max(0, int((len(rounds) - 1.96 * len(rounds) ** 0.5) / 2))
        return rounds[outside], rounds[-1 - outside]

    @property
    def is_met(self) -> bool:
        return self.target is None or self.target.is_met(self.ratio)

    def with_rounds_of(self, other: "Case") -> "Case":
        """The same case, measured for longer."""
        return Case(self.case, self.unit, [*self.ours, *other.ours], [*self.theirs, *other.theirs], self.target)


async def interleaved(*sides: Figure, rounds: int = ROUNDS) -> tuple[list[float], ...]:
    """The figures of each side, measured in turns (A B A B …) after one round that does not count."""
    for side in sides:
        await side()
    figures: tuple[list[float], ...] = tuple([] for _ in sides)
    for _ in range(rounds):
        for side, found in zip(sides, figures, strict=True):
            found.append(await side())
    return figures
