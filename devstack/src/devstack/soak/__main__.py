"""`python -m devstack.soak --minutes N [--seed S]`: the story's traffic and random kills, then the evidence.

The seed decides what is asked for, when something happens and who is killed when. The machine decides how far each
thing has come by then: the same seed is the same plan, not the same run.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import random
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from typing import Final

import httpx2
import structlog

from devstack.demo.browser import Browser
from devstack.demo.evidence import Practice, Topics, mails
from devstack.demo.show import Storyteller
from devstack.demo.story import NotAsTold
from devstack.home import DevstackError, write_whole
from devstack.soak import evidence
from devstack.soak.customers import SECOND_BUSINESS, SECOND_ROLES, Customer, customers_of
from devstack.soak.evidence import Databases, Finding
from devstack.soak.havoc import Havoc
from devstack.soak.memory import JUDGED, MOST_GROWTH, Growth, MemoryWatch
from devstack.soak.person import MailBox, Person
from devstack.soak.traffic import Traffic
from devstack.stack import Stack
from devstack.topics import records_per_topic, say_members
from relink_contracts.topics import load

PROGRESS_EVERY_SECONDS: Final = 10.0
DRAINED_WITHIN_SECONDS: Final = 300.0
"""A provider that failed often is left alone for a minute, a mail that could not be sent for up to two."""
RESTING_SECONDS: Final = 3.0
FAILURES: Final = (NotAsTold, DevstackError, httpx2.HTTPError)
MEGABYTE: Final = 1_000_000


@dataclass
class Report:
    """What the soak writes for other programs to read."""

    seed: int
    minutes: float
    ok: bool = False
    problem: str | None = None
    seconds_to_drain: float | None = None
    findings: list[Finding] = field(default_factory=list)
    killed: dict[str, int] = field(default_factory=dict)
    memory: dict[str, Growth | None] = field(default_factory=dict)

    def conclude(self) -> None:
        self.ok = self.problem is None and bool(self.findings) and all(finding.holds for finding in self.findings)


def main(stack: Stack | None = None) -> int:
    """Exit code 0 if everything is as told, else 1."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    arguments = _arguments()
    stack, show = stack or Stack(), Storyteller()
    report = Report(arguments.seed, arguments.minutes)
    show.say(f"Seed {report.seed}: the same plan again with SEED={report.seed}")
    try:
        with show.step("From empty: Kafka, PostgreSQL, practice providers and six services start"):
            stack.reset(show.say)
            stack.up(show.say)
        asyncio.run(_soak(stack, show, report))
    except* FAILURES as problems:
        report.problem = _sentences(problems)
    finally:
        stack.down(show.say)
    report.conclude()
    _show(report, show)
    file = stack.home.directory / "soak.json"
    write_whole(file, json.dumps(asdict(report), indent=2) + "\n")
    show.say(f"{'As told' if report.ok else '[bold red]Not as told[/]'}. The same as JSON: {file}")
    return 0 if report.ok else 1


async def _soak(stack: Stack, show: Storyteller, report: Report) -> None:
    chance = random.Random(report.seed)  # noqa: S311 - to be repeatable
    async with AsyncExitStack() as opened:
        http = await opened.enter_async_context(httpx2.AsyncClient(timeout=20))
        browser = await opened.enter_async_context(Browser())
        customers = customers_of(http, stack.addresses)
        anna = Person(stack.addresses["web-svc"], browser, MailBox(stack.home.mail), _part_of(chance))
        practice, over = Practice(http, stack.addresses["simulator"]), asyncio.Event()
        traffic = Traffic(customers, practice, stack.clock, _part_of(chance), over)
        havoc = Havoc(stack, _part_of(chance), report.minutes * 60, show.say)
        watch = MemoryWatch(stack)
        report.killed = havoc.killed

        with show.step("Two businesses connect both practice providers and have their lists"):
            say_members(stack.addresses["kafka"], SECOND_BUSINESS, SECOND_ROLES, now=stack.clock.now())
            await anna.sign_in()
            for customer in customers:
                await anna.connect(customer)
                await traffic.lists_arrive(customer)
        databases = Databases(stack)
        with show.step(f"{report.minutes:g} minutes of traffic, expiries and kills"):
            async with asyncio.TaskGroup() as running:
                onlookers = [
                    running.create_task(anna.repair_for_ever(customers)),
                    running.create_task(watch.run()),
                    running.create_task(_tell_progress(show, customers, traffic, havoc, anna)),
                ]
                async with asyncio.TaskGroup() as busy:
                    for customer in customers:
                        busy.create_task(traffic.deliver_steadily(customer))
                    busy.create_task(traffic.time_and_chance())
                    busy.create_task(havoc.run(over))
                    await asyncio.sleep(report.minutes * 60)
                    over.set()
                report.seconds_to_drain = await _drain(databases)
                for each in onlookers:
                    each.cancel()
        with show.step("The evidence is read"):
            report.memory = watch.growths()
            report.findings = [
                *await _look(stack, customers, practice, databases, havoc),
                _flatness(report.memory),
            ]


async def _drain(databases: Databases) -> float:
    """Seconds until nothing was on its way any more. Raises NotAsTold."""
    began, at_rest_since = time.monotonic(), None
    while at_rest_since is None or time.monotonic() - at_rest_since < RESTING_SECONDS:
        left = await databases.left_to_do()
        if left:
            at_rest_since = None
        elif at_rest_since is None:
            at_rest_since = time.monotonic()
        if time.monotonic() - began > DRAINED_WITHIN_SECONDS:
            raise NotAsTold(
                f"{DRAINED_WITHIN_SECONDS:.0f} s after the last kill there is still something to do: {left}"
            )
        await asyncio.sleep(0.5)
    return round(at_rest_since - began, 1)


async def _look(
    stack: Stack, customers: Sequence[Customer], practice: Practice, databases: Databases, havoc: Havoc
) -> list[Finding]:
    kafka = stack.addresses["kafka"]
    topics = Topics(kafka, [topic.name for topic in load() if topic.visibility != "private"])
    with contextlib.closing(topics):
        topics.read_on(RESTING_SECONDS)
    differing, ended = await databases.pictures_that_differ(), sorted(havoc.ended_alone)
    return [
        *await evidence.documents(customers, practice),
        *await evidence.events(topics, databases),
        evidence.effects(topics),
        *await evidence.told(customers, topics, mails(stack.home.mail), databases),
        await evidence.settings(customers),
        Finding("rows in which a service differs from their owner", str(len(differing)), not differing),
        evidence.dead_letters(records_per_topic(kafka)),
        Finding("processes that ended by themselves", ", ".join(ended) or "0", not ended),
    ]


def _flatness(growths: Mapping[str, Growth | None]) -> Finding:
    """Whether memory stayed flat, of those of our processes that lived long enough to tell."""
    judged = {name: growth for name, growth in growths.items() if name in JUDGED and growth is not None}
    if not judged:
        return Finding("memory flat", "nobody lived long enough to tell: run it longer", holds=True)
    growing = [name for name, growth in judged.items() if not growth.is_flat]
    worst = max(judged.values(), key=lambda growth: growth.ratio)
    words = f"{len(judged)} of {len(JUDGED)} processes judged; most: {worst.name} x {worst.ratio:.2f}"
    return Finding(f"memory at the end within x {MOST_GROWTH:.2f} of that after warming up", words, not growing)


async def _tell_progress(
    show: Storyteller, customers: Sequence[Customer], traffic: Traffic, havoc: Havoc, anna: Person
) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(PROGRESS_EVERY_SECONDS)
        asked = sum(len(customer.asked) for customer in customers)
        show.say(
            f"  {time.monotonic() - began:5.0f} s  {asked} documents asked for, access withdrawn {traffic.withdrawn} "
            f"times, {traffic.years} years gone by, {anna.repaired} repairs, {sum(havoc.killed.values())} kills"
        )


def _show(report: Report, show: Storyteller) -> None:
    if report.problem is not None:
        show.say(f"[bold red]Not as told:[/] {report.problem}")
    killed = [[name, str(times)] for name, times in report.killed.items()]
    show.table(f"Killed, seed {report.seed}", ["Process", "Times"], killed)
    rows = [
        [growth.name, f"{growth.seconds:.0f} s"]
        + [f"{part / MEGABYTE:.1f}" for part in (growth.first, growth.last, growth.per_minute)]
        + [f"{growth.ratio:.3f}"]
        for growth in report.memory.values()
        if growth is not None
    ]
    columns = ["Process", "Longest life, warm", "MB first", "MB last", "MB a minute", "Last to first"]
    show.table("Resident memory", columns, rows)
    found = [
        ["[green]holds[/]" if finding.holds else "[bold red]DOES NOT[/]", finding.what, finding.found]
        for finding in report.findings
    ]
    drained = "not" if report.seconds_to_drain is None else f"in {report.seconds_to_drain:g} s"
    show.table(f"Verdict after {report.minutes:g} minutes, drained {drained}", ["", "What", "Found"], found)


def _part_of(chance: random.Random) -> random.Random:
    """A sequence of its own, so that what one task draws changes nothing for the others."""
    return random.Random(chance.random())  # noqa: S311 - to be repeatable


def _sentences(problems: BaseExceptionGroup[BaseException]) -> str:
    single = [_sentences(each) if isinstance(each, BaseExceptionGroup) else str(each) for each in problems.exceptions]
    return "; ".join(single)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="how long things are asked for and killed")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="repeats a plan; else by chance")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
