"""Results on disk: JSON, a plot, and the table in README.md. Nothing is measured here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.runner import Case, Exactly

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results"
SMALL: Final = RESULTS / "small"
README: Final = HERE / "README.md"
_MET, _MISSED, _NOTE = "#2b7a4b", "#b3541e", "#7a7a7a"


@dataclass(frozen=True)
class Result:
    """One benchmark's cases, and what they were measured on."""

    name: str
    versions: Mapping[str, str]
    machine: Mapping[str, str | int | float]
    cases: Sequence[Case]

    @property
    def header(self) -> str:
        """One line: what ran on what."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        cores, memory, fsync = (self.machine[name] for name in ("cores", "memory_gib", "fsync_microseconds"))
        return f"{self.name} | {versions} | {cores} cores, {memory} GiB, fsync {fsync} µs"

    def as_json(self) -> dict[str, Any]:
        cases = [
            {
                "case": each.case,
                "ratio": _rounded(each.ratio),
                "target": str(each.target) if each.target else None,
                "spread": [_rounded(limit) for limit in each.spread],
                "ours": [_rounded(figure) for figure in each.ours],
                "theirs": [_rounded(figure) for figure in each.theirs],
                "unit": each.unit,
            }
            for each in self.cases
        ]
        return {"name": self.name, "versions": self.versions, "machine": self.machine, "cases": cases}


def write(result: Result, folder: Path) -> None:
    """The result as JSON, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{result.name}.json").write_text(json.dumps(result.as_json(), indent=2, ensure_ascii=False) + "\n")


def recorded_ratios(name: str) -> dict[str, float]:
    """What each case of the small run came to when it was last recorded; empty if it never was."""
    file = SMALL / f"{name}.json"
    if not file.exists():
        return {}
    return {case["case"]: case["ratio"] for case in json.loads(file.read_text())["cases"]}


def table(result: Result) -> str:
    """The cases as a Markdown table."""
    lines = ["| Case | Ratio | Target | Spread | Ours | Theirs | Unit |", "|---|---|---|---|---|---|---|"]
    for each in result.cases:
        ratio = _short(each.ratio)
        target = "" if each.target is None else f"{each.target}{'' if each.is_met else ' **missed**'}"
        low, high = (_short(limit) for limit in each.spread)
        ours, theirs = _middle(each.ours), _middle(each.theirs)
        if not each.theirs:
            ours = ""
        lines.append(f"| {each.case} | **{ratio}** | {target} | {low} to {high} | {ours} | {theirs} | {each.unit} |")
    return "\n".join(lines)


def plot(result: Result, file: Path) -> None:
    """The ratios as points with their spread, the targets as lines across; counts are left to the table."""
    cases = [each for each in result.cases if each.theirs][::-1]
    if not cases:
        return
    mpl.rcParams["svg.hashsalt"] = result.name  # so that the same result is the same file
    figure = Figure(figsize=(8, 1.2 + 0.45 * len(cases)), layout="constrained")
    axes = figure.subplots()
    for place, each in enumerate(cases):
        low, high = each.spread
        colour = _NOTE if each.target is None else _MET if each.is_met else _MISSED
        axes.plot([low, high], [place, place], color=colour, linewidth=2)
        axes.plot([each.ratio], [place], "o", color=colour)
        if each.target is not None:
            axes.plot([each.target.limit] * 2, [place - 0.35, place + 0.35], color="black", linewidth=1)
    axes.set_yticks(range(len(cases)), [each.case for each in cases])
    axes.set_ylim(-0.6, len(cases) - 0.4)
    axes.set_xlim(left=0)
    axes.set_xlabel("ours over theirs: the median round, the lowest and the highest; the stroke is the target")
    axes.set_title(result.name)
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(file, format="svg", metadata={"Date": None})


def renew_readme(result: Result) -> None:
    """Put the table, its header line and the plot between the benchmark's markers; other text stays as it is."""
    begin, end = f"<!-- {result.name}: made by the run -->", f"<!-- {result.name}: end -->"
    before, found, rest = README.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise LookupError(f"bench/README.md has no place for {result.name}: {begin} … {end}")
    image = f"\n\n![{result.name}](results/{result.name}.svg)" if any(each.theirs for each in result.cases) else ""
    README.write_text(f"{before}{begin}\n{result.header}\n\n{table(result)}{image}\n{end}{after}")


def fallen(result: Result, recorded: Mapping[str, float]) -> list[str]:
    """A sentence for each case that surely got worse than it was recorded, by more than the runner tolerates."""
    return [
        f"{result.name}: {each.case}: {_short(each.ratio)}, recorded {_short(recorded[each.case])}"
        for each in result.cases
        if each.target is not None
        and each.case in recorded
        and all(each.target.is_worse(ratio, than=recorded[each.case]) for ratio in each.interval)
    ]


def broken(result: Result) -> list[str]:
    """A sentence for each count that is not what it must be: that is no matter of speed."""
    return [
        f"{result.name}: {each.case}: {_short(each.ratio)}, must be {each.target}"
        for each in result.cases
        if isinstance(each.target, Exactly) and not each.is_met
    ]


def _middle(figures: Sequence[float]) -> str:
    return _short(sorted(figures)[len(figures) // 2]) if figures else ""


def _short(figure: float) -> str:
    if figure == int(figure) or abs(figure) >= 100:  # noqa: PLR2004 - three digits say enough
        return f"{figure:,.0f}"
    return f"{figure:.3g}"


def _rounded(figure: float) -> float:
    return float(f"{figure:.5g}")
