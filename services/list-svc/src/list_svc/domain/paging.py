"""Pages of a list."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """At most `limit` entries after the place `after`, which holds the last entry's sort key: empty texts at first."""

    after: tuple[str, ...]
    limit: int
