"""`python -m bench [NAME …] [--small [--record]]`: run benchmarks and keep their results.

In full size each writes its JSON, its plot and its table in README.md. A small run is for a build server: it fails,
with 1, when a ratio surely fell by more than a fifth from the recorded one. As a busy machine must not fail a build, it
is measured for longer first, up to three times as long; what is recorded is measured for as long at once. A count that
must be zero fails any run.
"""

import argparse
import asyncio
import gc
import importlib
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
import uvloop

from bench import report
from bench.ground import Ground
from bench.report import Result
from bench.runner import Case

NAMES: Final = (
    "relay", "relay-peers", "consume", "keyed", "inbox", "batch", "end-to-end", "footprint", "growth",
    "limiter", "access-token", "watcher",
)  # fmt: skip
ATTEMPTS: Final = 3

Benchmark = Callable[..., Awaitable[Sequence[Case]]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(NAMES)}; all when none is named")
    parser.add_argument("--small", action="store_true", help="a short run, compared with the recorded one")
    parser.add_argument("--record", action="store_true", help="with --small: keep this run to compare others with")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if asked.record and not asked.small:
        parser.error("--record goes with --small: full runs are always kept")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics and groups are not there for a moment
    failures: list[str] = []
    for name in asked.names or NAMES:
        run = importlib.import_module(f"bench.{name.replace('-', '_')}").run
        failures += small(name, run, record=asked.record) if asked.small else full(name, run)
    for sentence in failures:
        _say(sentence)
    return 1 if failures else 0


def full(name: str, run: Benchmark) -> list[str]:
    """Measure in full size and publish. A missed target stands in the table and fails nothing."""
    result = measured(name, run, small=False)
    report.write(result, report.RESULTS)
    report.plot(result, report.RESULTS / f"{name}.svg")
    report.renew_readme(result)
    return report.broken(result)


def small(name: str, run: Benchmark, *, record: bool) -> list[str]:
    """Measure in small size; keep it, or say what got worse."""
    result, recorded = measured(name, run, small=True), report.recorded_ratios(name)
    for _ in range(ATTEMPTS - 1):
        if report.broken(result) or not (record or report.fallen(result, recorded)):
            break
        again = measured(name, run, small=True)
        cases = [old.with_rounds_of(new) for old, new in zip(result.cases, again.cases, strict=True)]
        result = Result(name, result.versions, result.machine, cases)
    if record:
        report.write(result, report.SMALL)
    return report.broken(result) or ([] if record else report.fallen(result, recorded))


def measured(name: str, run: Benchmark, *, small: bool) -> Result:
    """One run on a ground of its own."""

    async def all_of_it() -> Result:
        versions, machine = await ground.versions(), ground.machine()
        cases = await run(ground, small=small)
        return Result(name, versions, machine, cases)

    gc.freeze()  # as chassis.run does for every service
    gc.set_threshold(10_000, 20, 20)
    with Ground() as ground, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(all_of_it())
    _say(f"{result.header}{' | small' if small else ''}\n\n{report.table(result)}\n")
    return result


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
