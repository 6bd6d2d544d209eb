"""The chassis stays small and knows no product: at most 2,300 lines, none of the words below.

Run as `python checks/chassis_budget.py [FOLDER]`; exits 1 and says what is over.
Lines of Python and SQL are counted as they stand, comments and blank ones included: a budget one can argue with is
none. Tests are not counted, nor is testing.py, which only tests import.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

BUDGET_LINES = 2_300
PRODUCT_WORDS = ("xero", "quickbooks", "sage", "freeagent", "invoice", "supplier", "tenant")
# Whole words only: "message" contains "sage".
_WORDS = re.compile(r"\b(" + "|".join(PRODUCT_WORDS) + r")s?\b", re.IGNORECASE)


def violations(folder: Path) -> list[str]:
    """Say what in this source folder breaks the budget; an empty list means that nothing does."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".py", ".sql"} and path.name != "testing.py")
    lines = {path: path.read_text().splitlines() for path in files}
    total = sum(len(content) for content in lines.values())
    found = [] if total <= BUDGET_LINES else [f"{folder}: {total} lines, {total - BUDGET_LINES} over the budget"]
    for path, content in lines.items():
        for number, line in enumerate(content, start=1):
            found += [f"{path}:{number}: the product word {word.group(0)!r}" for word in _WORDS.finditer(line)]
    return found


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("libs/chassis/src")
    if not folder.is_dir():
        sys.stdout.write(f"{folder} is no folder\n")
        return 2
    found = violations(folder)
    for sentence in found:
        sys.stdout.write(sentence + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
