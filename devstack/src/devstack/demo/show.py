"""How the demo is told: a live list of steps in a terminal, one plain line a step elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


@dataclass
class Step:
    """One step of the story: what it proves, whether it held, and how long it took."""

    name: str
    ok: bool = False
    seconds: float = 0.0
    detail: str = ""


@dataclass
class Storyteller:
    """Shows each step while it runs, and tells `on_step` that one begins. A step that raises ends the story."""

    console: Console = field(default_factory=lambda: Console(file=sys.stdout, highlight=False, soft_wrap=True))
    steps: list[Step] = field(default_factory=list)
    on_step: Callable[[], None] = lambda: None

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        step = Step(name)
        self.steps.append(step)
        self.on_step()
        started = time.monotonic()
        try:
            with self._waiting(name):
                yield step
            step.ok = True
        finally:
            step.seconds = round(time.monotonic() - started, 2)
            self._tell(step)

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        table = Table(title=title, title_justify="left", title_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def say(self, words: str) -> None:
        self.console.print(words)

    @contextmanager
    def _waiting(self, name: str) -> Iterator[None]:
        if not self.console.is_terminal:
            yield
            return
        with Live(Group(Spinner("dots", text=f" {name}")), console=self.console, transient=True, refresh_per_second=8):
            yield

    def _tell(self, step: Step) -> None:
        mark = Text("ok    ", style="green") if step.ok else Text("FAILED", style="bold red")
        detail = f"  {step.detail}" if step.detail else ""
        self.console.print(Text.assemble(mark, f" {step.seconds:6.2f} s  {step.name}", (detail, "dim")))
