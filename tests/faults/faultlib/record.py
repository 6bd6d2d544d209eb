"""The results: one line per seed in `results/CELL.json`, and from those the table in README.md."""

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from devstack.home import write_whole

FAULTS: Final = Path(__file__).parents[1]
_RESULTS: Final = FAULTS / "results"
_BEGIN, _END = "<!-- table: begin (written by the run) -->\n", "<!-- table: end -->\n"
_SUMS: Final = ("events", "lost", "repeated_effects", "order_violations", "duplicates")


def forget(cell: str) -> None:
    """A whole run begins: older seeds say nothing about it."""
    _file(cell).unlink(missing_ok=True)


def write(cell: str, invariant: str, seed: int, line: Mapping[str, Any]) -> None:
    """Keep this seed's line, in place of an older one of the same seed."""
    seeds = {each["seed"]: each for each in _lines(cell)} | {seed: {"seed": seed, **line}}
    rows = ",\n".join(f"    {json.dumps(seeds[number])}" for number in sorted(seeds))
    head = f'"cell": {json.dumps(cell)},\n  "invariant": {json.dumps(invariant, ensure_ascii=False)}'
    write_whole(_file(cell), f'{{\n  {head},\n  "seeds": [\n{rows}\n  ]\n}}\n')
    _write_table()


def table(cells: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[str]:
    """The lines of a Markdown table: each cell's counts summed over its seeds, its recovery as median and longest."""
    return [
        "| Cell | Seeds | Events | Lost | Repeated effects | Order violations | Duplicates sent | Recovery, s |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(cell, list(lines)) for cell, lines in sorted(cells.items())),
    ]


def _row(cell: str, lines: list[Mapping[str, Any]]) -> str:
    counts = [len(lines), *(sum(line[name] for line in lines) for name in _SUMS)]
    recovery = [line["recovery_seconds"] for line in lines if line["recovery_seconds"] is not None]
    times = f"{statistics.median(recovery):.1f} (≤ {max(recovery):.1f})" if recovery else "-"
    return (
        f"| [{cell}](test_{cell.replace('-', '_')}.py) | {' | '.join(f'{number:,}' for number in counts)} | {times} |"
    )


def _write_table() -> None:
    rows = table({path.stem: _lines(path.stem) for path in _RESULTS.glob("*.json")})
    readme = FAULTS / "README.md"
    before, _, rest = readme.read_text().partition(_BEGIN)
    # Whole: cells may run side by side, and one that reads half a file would write half a file.
    write_whole(readme, before + _BEGIN + "\n".join(rows) + "\n" + _END + rest.partition(_END)[2])


def _lines(cell: str) -> list[dict[str, Any]]:
    return json.loads(_file(cell).read_text())["seeds"] if _file(cell).exists() else []


def _file(cell: str) -> Path:
    return _RESULTS / f"{cell}.json"
