"""`python -m devstack.story reconnects [--rounds N] [--seed S]`: play a story many times amid kills, then judge it.

The seed decides how each consent ends, how it is given again, and who is killed when. The machine decides how far each
thing has come by then: the same seed is the same plan, not the same run.
"""

import argparse
import asyncio
import json
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

from devstack import playing
from devstack.administrator import Administrator
from devstack.customers import Customer
from devstack.demo.browser import Browser
from devstack.demo.evidence import Practice
from devstack.demo.show import Storyteller
from devstack.demo.upstream import Api, Upstream
from devstack.findings import Databases, Finding, Wanted, dead_letters, events, read_topics, tell
from devstack.havoc import Havoc
from devstack.mailbox import MailBox
from devstack.playing import FAILURES, part_of, sentences
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
ROLES: Final = {"usr_anna": "admin", "usr_ben": "admin"}


@dataclass
class Report(playing.Report):
    """What came of a story."""

    wanted: int
    verdict: Verdict = field(default_factory=lambda: Verdict(0, (), (), ()))
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)

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
    arguments = _arguments()
    report = Report(arguments.seed, arguments.rounds)
    return playing.play_from_empty(_reconnects, report, _show, stack or Stack(), f"story-{arguments.story}.json")


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
