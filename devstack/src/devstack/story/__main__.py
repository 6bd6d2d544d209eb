"""`python -m devstack.story reconnects [--rounds N] [--seed S]`: play a story many times amid kills, then judge it.

The seed decides how each consent ends, how it is given again, and who is killed when. The machine decides how far each
thing has come by then: the same seed is the same plan, not the same run.
"""

import argparse
import asyncio
import json
import logging
import random
import secrets
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any, Final

import httpx2
import structlog

from devstack.administrator import Administrator
from devstack.customers import Customer
from devstack.demo.browser import Browser
from devstack.demo.evidence import Practice
from devstack.demo.show import Storyteller
from devstack.demo.upstream import Api, Upstream
from devstack.findings import Databases, Finding, Wanted, dead_letters, events, read_topics, tell
from devstack.havoc import Havoc
from devstack.home import write_whole
from devstack.mailbox import MailBox
from devstack.playing import FAILURES, part_of, play_from_empty, sentences
from devstack.stack import Stack
from devstack.story.desk import Desk, Way
from devstack.story.evidence import endings, history, logins
from devstack.story.reconnects import Calendar, Reconnects
from devstack.story.verdict import Verdict, judge
from devstack.tokens import signer_of
from devstack.topics import records_per_topic, say_members

BUSINESSES: Final = ("Ash", "Birch", "Cedar", "Elm")
SOFTWARE: Final = {
    "xero": "Xero",
    "quickbooks": "QuickBooks Online",
    "sage": "Sage Accounting",
    "freeagent": "FreeAgent",
}
MOST_SENTENCES: Final = 20
ROLES: Final = {"usr_anna": "admin", "usr_ben": "admin"}


@dataclass
class Report:
    """What the story writes for other programs to read."""

    seed: int
    wanted: int
    verdict: Verdict = field(default_factory=lambda: Verdict(0, (), (), ()))
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return bool(self.findings) and not self.problems and all(finding.holds for finding in self.findings)

    def as_json(self) -> str:
        report = {
            "ok": self.ok,
            "rounds": self.verdict.rounds,
            "lost": len(self.verdict.lost),
            "second_cases": len(self.verdict.second_cases),
            "wrong_organisation": len(self.verdict.wrong_organisation),
            "seed": self.seed,
            "wanted_rounds": self.wanted,
            "seconds": self.seconds,
            **self.details,
            "problems": self.problems,
            "findings": [{**asdict(finding), "ok": finding.holds} for finding in self.findings],
        }
        return json.dumps(report, indent=2) + "\n"


def main(stack: Stack | None = None) -> int:
    """Exit code 0 if everything is as told, else 1."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    arguments = _arguments()
    stack, show = stack or Stack(), Storyteller()
    report = Report(arguments.seed, arguments.rounds)
    show.say(f"Seed {report.seed}: the same plan again with SEED={report.seed}")
    report.problems += play_from_empty(lambda: _reconnects(stack, show, report), stack, show)
    _show(report, show)
    file = stack.home.directory / f"story-{arguments.story}.json"
    write_whole(file, report.as_json())
    words = "[bold green]All as told[/]" if report.ok else "[bold red]Not as told[/]"
    show.say(f"{words}, seed {report.seed}. The same as JSON: {file.parent.name}/{file.name}")
    return 0 if report.ok else 1


async def _reconnects(stack: Stack, show: Storyteller, report: Report) -> None:
    chance = random.Random(report.seed)  # noqa: S311 - to be repeatable
    async with AsyncExitStack() as opened:
        http = await opened.enter_async_context(httpx2.AsyncClient(timeout=20))
        practice = Practice(http, stack.addresses["simulator"])
        desks = await _desks(stack, opened, http, practice, chance)
        story = Reconnects(
            show=show,
            practice=practice,
            desks=desks,
            calendar=Calendar(stack.clock),
            havoc=Havoc(stack, part_of(chance), show.say),
            signer=signer_of(stack, "publish-svc"),
            databases=Databases(stack),
            wanted=report.wanted,
        )
        with show.step(f"{len(BUSINESSES)} businesses connect {len(SOFTWARE)} practice providers each"):
            await _open(stack, desks)
        began = time.monotonic()
        try:
            with show.step(f"{report.wanted} consents end and are given again, amid kills"):
                await story.play()
        except* FAILURES as failures:
            report.problems += sentences(failures)
            await asyncio.to_thread(stack.up, show.say)  # whom havoc had away when it was broken off
        report.seconds = round(time.monotonic() - began, 1)
        with show.step("The evidence is read"):
            await _judge(stack, story, report)


async def _desks(
    stack: Stack, opened: AsyncExitStack, http: httpx2.AsyncClient, practice: Practice, chance: random.Random
) -> list[Desk]:
    """One for each business and provider, with an organisation of its own. Nobody is signed in yet."""
    web, mail_box = stack.addresses["web-svc"], MailBox(stack.home.mail)
    elsewhere = {provider: await practice.open_organisation(provider, "Nobody Ltd") for provider in SOFTWARE}

    async def administrator(name: str) -> Administrator:
        return Administrator(web, await opened.enter_async_context(Browser()), name)

    desks = []
    for business, (provider, software) in product(BUSINESSES, SOFTWARE.items()):
        business_id, organisation = f"biz_{business.lower()}", f"{business} Ltd"
        customer = Customer(
            business_id=business_id,
            roles=ROLES,
            provider=provider,
            software=software,
            organisation=organisation,
            organisation_id=await practice.open_organisation(provider, organisation),
            upstream=Upstream(Api(http, stack.addresses, business_id, "prg_upstream", "admin")),
        )
        anna, ben = await administrator("Anna Ackroyd"), await administrator("Ben Barlow")
        desks.append(Desk(customer, elsewhere[provider], anna, ben, mail_box, part_of(chance)))
    return desks


async def _open(stack: Stack, desks: list[Desk]) -> None:
    for business_id in sorted({desk.customer.business_id for desk in desks}):
        say_members(stack.addresses["kafka"], business_id, ROLES, now=stack.clock.now())
    async with asyncio.TaskGroup() as opening:
        for desk in desks:
            opening.create_task(desk.open())


async def _judge(stack: Stack, story: Reconnects, report: Report) -> None:
    databases, kafka = Databases(stack), stack.addresses["kafka"]
    customers = [desk.customer for desk in story.desks]
    topics = read_topics(kafka)
    chosen = {customer.connection_id: customer.organisation_id for customer in customers}
    verdict = judge(await history(topics, databases, organisations=chosen, tokens=story.tokens))
    report.verdict = verdict
    report.problems += [*verdict.lost, *verdict.second_cases, *verdict.wrong_organisation]
    report.findings = [
        Finding("rounds", verdict.rounds, Wanted.SOME),
        Finding("rounds missing", max(0, report.wanted - verdict.rounds)),
        Finding("lost", len(verdict.lost)),
        Finding("second cases", len(verdict.second_cases)),
        Finding("wrong organisation", len(verdict.wrong_organisation)),
        Finding("tokens followed to their organisation", len(story.tokens), Wanted.SOME),
        *await events(topics, databases),
        Finding("rows in which a service differs from their owner", len(await databases.pictures_that_differ())),
        dead_letters(records_per_topic(kafka)),
        Finding("kills", sum(story.havoc.killed.values()), Wanted.SOME),
        Finding("processes that ended by themselves", len(story.havoc.ended_alone)),
    ]
    providers = {customer.connection_id: customer.provider for customer in customers}
    report.details = {
        "years": story.calendar.years,
        "kills": sum(story.havoc.killed.values()),
        "endings": endings(topics.events, providers, story.planned),
        "repairs": dict(sorted(sum((desk.repairs for desk in story.desks), Counter[Way]()).items())),
        "logins": logins(topics.events),
        "killed": story.havoc.killed,
    }


def _show(report: Report, show: Storyteller) -> None:
    for problem in report.problems[:MOST_SENTENCES]:
        show.say(f"[bold red]Not as told:[/] {problem}")
    if len(report.problems) > MOST_SENTENCES:
        show.say(f"[bold red]Not as told:[/] {len(report.problems) - MOST_SENTENCES} more, which the JSON has")
    endings = report.details.get("endings", {})
    reasons = sorted({reason for counts in endings.values() for reason in counts})
    rows = [[provider, *(str(counts.get(reason, 0)) for reason in reasons)] for provider, counts in endings.items()]
    show.table("Why consents ended", ["Provider", *reasons], rows)
    for title, what in {"How repairs began": "repairs", "Logins": "logins", "Killed": "killed"}.items():
        counts = report.details.get(what, {})
        show.table(title, ["What", "Times"], [[name, str(times)] for name, times in counts.items()])
    tell(report.findings, show, f"Verdict after {report.verdict.rounds} rounds in {report.seconds:g} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack.story", description=__doc__)
    parser.add_argument("story", choices=["reconnects"])
    parser.add_argument("--rounds", type=int, default=1000, help="how many consents end and are given again")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="repeats a plan; else by chance")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
