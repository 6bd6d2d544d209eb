"""The whole system on a stack that nobody else uses."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.home import Home
from devstack.stack import Stack


@contextmanager
def own_stack(tell: Callable[[str], None]) -> Iterator[Stack]:
    """Nothing is left of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="relink-") as folder:
        stack = Stack(Home(Path(folder)))
        try:
            stack.up(tell)
            yield stack
        finally:
            stack.reset(tell)
