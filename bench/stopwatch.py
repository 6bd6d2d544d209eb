"""The rate at which something is done so many times."""

import asyncio
import time


class Stopwatch:
    """Runs from the first `begin` until `count` has been told of all."""

    def __init__(self, times: int) -> None:
        self._times, self._left, self._begun, self._ended = times, times, 0.0, 0.0
        self.is_over = asyncio.Event()

    def begin(self) -> None:
        """Only the first one counts."""
        self._begun = self._begun or time.perf_counter()

    def count(self, times: int = 1) -> None:
        self._left -= times
        if self._left <= 0 < self._left + times:  # what comes after all of them is not measured
            self._ended = time.perf_counter()
            self.is_over.set()

    @property
    def rate(self) -> float:
        """Per second."""
        return self._times / (self._ended - self._begun)
