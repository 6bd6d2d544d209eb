"""The results: one line per seed in `results/CELL.json`, and from those the table in README.md."""

import json
import statistics
from pathlib import Path
from typing import Any, Final

FAULTS: Final = Path(__file__).parents[1]
_RESULTS: Final = FAULTS / "results"
_BEGIN, _END = "<!-- table: begin (written by the run) -->\n", "<!-- table: end -->\n"


def write(cell: str, invariant: str, seed: int, line: dict[str, Any]) -> None:
    """Keep this seed's line, in place of an older one of the same seed."""
    path = _RESULTS / f"{cell}.json"
    path.parent.mkdir(exist_ok=True)
    seeds = {each["seed"]: each for each in _lines(path)} | {seed: {"seed": seed, **line}}
    rows = ",\n".join(f"    {json.dumps(seeds[number])}" for number in sorted(seeds))
    path.write_text(
        f'{{\n  "cell": {json.dumps(cell)},\n  "invariant": {json.dumps(invariant)},\n  "seeds": [\n{rows}\n  ]\n}}\n'
    )
    _write_table()


def forget(cell: str) -> None:
    """A whole run begins: older seeds say nothing about it."""
    (_RESULTS / f"{cell}.json").unlink(missing_ok=True)


def _lines(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["seeds"] if path.exists() else []


def _write_table() -> None:
    rows = [
        "| Cell | Seeds | Events | Lost | Repeated effects | Order violations | Duplicates sent | Recovery, s |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(path) for path in sorted(_RESULTS.glob("*.json"))),
    ]
    readme = FAULTS / "README.md"
    before, _, rest = readme.read_text().partition(_BEGIN)
    readme.write_text(before + _BEGIN + "\n".join(rows) + "\n" + _END + rest.partition(_END)[2])


def _row(path: Path) -> str:
    seeds = _lines(path)
    sums = [sum(seed[name] for seed in seeds) for name in ("events", "lost", "repeated_effects", "order_violations")]
    counts = " | ".join(f"{number:,}" for number in (len(seeds), *sums, sum(seed["duplicates"] for seed in seeds)))
    recovery = [seed["recovery_seconds"] for seed in seeds if seed["recovery_seconds"] is not None]
    times = f"{statistics.median(recovery):.1f} (≤ {max(recovery):.1f})" if recovery else "-"
    return f"| {path.stem} | {counts} | {times} |"
