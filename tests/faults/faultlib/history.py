"""What an actor did, in its own words: JSON lines in a file, each with the kernel before the next thing happens.

A process that is killed leaves every line it has written; a machine that loses power would not.
"""

import json
import time
from pathlib import Path
from typing import Any


class History:
    """Append-only. `at` is the machine's monotonic clock, so that the lines of all actors can be put in one order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", buffering=1)

    def note(self, did: str, **what: Any) -> None:
        self._file.write(json.dumps({"at": round(time.monotonic(), 4), "did": did, **what}, default=str) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Every whole line. The last one of a killed process may be half of one, which then says nothing."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
