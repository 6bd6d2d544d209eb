"""`python -m devstack.soak --minutes N [--seed S]`: the story's traffic and random kills, then the evidence.

The seed decides what is asked for, when something happens and who is killed when. The machine decides how far each
thing has come by then: the same seed is the same plan, not the same run.
"""

import argparse
import asyncio
import json
import random
import secrets
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from typing import Final

import httpx2

from devstack import playing
from devstack.demo.browser import Browser
from devstack.demo.evidence import Practice
from devstack.demo.show import Storyteller
from devstack.findings import Finding, Wanted, tell
from devstack.havoc import Havoc
from devstack.mailbox import MailBox
from devstack.playing import FAILURES, part_of, sentences
from devstack.soak import evidence
from devstack.soak.caretaker import Caretaker
from devstack.soak.customers import customers_of
from devstack.soak.memory import MOST_GROWTH, Growth, MemoryWatch
from devstack.soak.play import Soak, connect_everybody
from devstack.soak.traffic import Traffic
from devstack.stack import Stack

MEGABYTE: Final = 1_000_000


@dataclass
class Report(playing.Report):
    """What came of a soak."""

    minutes: float
    seconds_to_drain: float | None = None
    killed: dict[str, int] = field(default_factory=dict)
    memory: list[Growth] = field(default_factory=list)

    def as_json(self) -> str:
        findings = [{**asdict(finding), "ok": finding.holds} for finding in self.findings]
        return json.dumps({"ok": self.ok, **asdict(self), "findings": findings}, indent=2) + "\n"


def main(stack: Stack | None = None) -> int:
    """Exit code 0 if everything is as told, else 1."""
    arguments = _arguments()
    report = Report(arguments.seed, arguments.minutes)
    return playing.play_from_empty(_soak, report, _show, stack or Stack(), "soak.json")


async def _soak(stack: Stack, show: Storyteller, report: Report) -> None:
    chance = random.Random(report.seed)  # noqa: S311 - to be repeatable
    seconds = report.minutes * 60
    async with AsyncExitStack() as opened:
        http = await opened.enter_async_context(httpx2.AsyncClient(timeout=20))
        browser = await opened.enter_async_context(Browser())
        practice, customers = Practice(http, stack.addresses["simulator"]), customers_of(http, stack.addresses)
        soak = Soak(
            stack=stack,
            show=show,
            customers=customers,
            anna=Caretaker(
                stack.addresses["web-svc"], browser, "Anna Ackroyd", MailBox(stack.home.mail), part_of(chance)
            ),
            traffic=Traffic(customers, practice, stack.clock, part_of(chance)),
            havoc=Havoc(stack, part_of(chance), show.say),
            watch=MemoryWatch(stack),
        )
        with show.step("Two businesses connect both practice providers and have their lists"):
            await soak.anna.sign_in()
            await connect_everybody(stack, customers, soak.anna, soak.traffic)
        try:
            with show.step(f"{report.minutes:g} minutes of traffic, expiries and kills"):
                report.seconds_to_drain = await soak.run(seconds)
        except* FAILURES as failures:
            report.problems += sentences(failures)
            await asyncio.to_thread(stack.up, show.say)  # whom havoc had away when it was broken off
        report.killed, report.memory = soak.havoc.killed, soak.watch.growths()
        with show.step("The evidence is read"):
            report.findings = await evidence.look(stack, customers, practice)
        report.findings += [
            Finding("processes that ended by themselves", len(soak.havoc.ended_alone)),
            Finding(
                "processes of ours whose memory was judged", sum(each.is_judged for each in report.memory), Wanted.ANY
            ),
            Finding(
                f"processes of ours that grew beyond x {MOST_GROWTH:.2f}",
                sum(each.is_judged and not each.is_flat for each in report.memory),
            ),
        ]


def _show(report: Report, show: Storyteller) -> None:
    show.table("Killed", ["Process", "Times"], [[name, str(times)] for name, times in report.killed.items()])
    rows = [
        [each.name, f"{each.seconds:.0f} s"]
        + [f"{part / MEGABYTE:.1f}" for part in (each.first, each.last, each.per_minute)]
        + [f"{each.ratio:.3f}", "yes" if each.is_judged else "no"]
        for each in report.memory
    ]
    columns = ["Process", "Warm for", "MB first", "MB last", "MB a minute", "Ratio", "Judged"]
    show.table("Resident memory over the longest life, where it was long enough to tell", columns, rows)
    drained = "not" if report.seconds_to_drain is None else f"in {report.seconds_to_drain:g} s"
    tell(report.findings, show, f"Verdict after {report.minutes:g} minutes, drained {drained}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="how long things are asked for and killed")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="repeats a plan; else by chance")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
