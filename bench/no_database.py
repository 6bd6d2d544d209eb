"""In place of a database, where only the way to it is measured."""

from contextlib import nullcontext
from typing import Any

from chassis.database import Database


class NoDatabase(Database):
    """Hands out transactions that cost nothing and do nothing."""

    def __init__(self, *, max_size: int = 10) -> None:
        """As many at once as a pool of that size; a service's has 10 by default."""
        self._max_size = max_size

    @property
    def max_size(self) -> int:
        return self._max_size

    def transaction(self) -> Any:
        return nullcontext()
