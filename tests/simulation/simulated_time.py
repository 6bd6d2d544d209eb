"""An event loop whose clock moves only when it is told to, and that returns once nothing more can happen by itself."""

import asyncio
import math
from typing import Any

START = 1_000.0


class VirtualLoop(asyncio.BaseEventLoop):
    """No sockets, no signals, no threads: what is ready runs, in the order in which it became ready."""

    def __init__(self) -> None:
        super().__init__()
        self._until = START
        self._move_to(START)
        self._selector = self
        self.next_timer = math.inf

    def time(self) -> float:
        return self._clock

    def run_until_idle(self) -> None:
        """Everything that can happen at this moment."""
        self._run_until(self._clock)

    def run_to_next_timer(self, before: float) -> bool:
        """Move to the next moment at which something is due. False if that is not before `before`."""
        if self.next_timer > before:
            return False
        self._run_until(self.next_timer)
        return True

    def run_for(self, seconds: float) -> None:
        end = self._clock + seconds
        self._run_until(end)
        self._move_to(end)

    def _move_to(self, moment: float) -> None:
        # What is due in the next moment is not due now, as the loop has it: this clock would stand still meanwhile.
        self._clock, self._clock_resolution = moment, math.ulp(moment)

    def _run_until(self, moment: float) -> None:
        self._until = moment
        self.run_forever()

    # What BaseEventLoop asks of its selector, and of its subclass.

    def select(self, timeout: float | None) -> list[Any]:
        """Called when nothing is ready for `timeout` seconds (None: for ever)."""
        if timeout != 0:
            self.next_timer = math.inf if timeout is None else self._clock + timeout
            if self.next_timer <= self._until:
                self._move_to(self.next_timer)
            else:
                self.stop()
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody waits to be woken from another thread."""
