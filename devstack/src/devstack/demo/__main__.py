"""`python -m devstack.demo [--keep] [--chaos]`: start everything from empty, play the story, show the evidence."""

import argparse
import asyncio
import json
import logging
import sys
import time
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx2
import structlog

from devstack.demo.browser import Browser, NothingToPress
from devstack.demo.chaos import Chaos
from devstack.demo.evidence import Practice, Topics, mails, of_stage
from devstack.demo.show import Storyteller
from devstack.demo.story import ACCOUNTANT, ADMINISTRATOR, BUSINESS, NotAsTold, Story
from devstack.demo.upstream import Api, Outage, Upstream
from devstack.home import DevstackError, write_whole
from devstack.stack import Stack
from relink_contracts.topics import load

PATIENCE_SECONDS: Final = 60.0
PATIENCE_IN_CHAOS_SECONDS: Final = 180.0
FAILURES: Final = (NotAsTold, NothingToPress, DevstackError, Outage, httpx2.HTTPError)


def main() -> int:
    """Exit code 0 if everything went as told, else 1."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    arguments = _arguments()
    show, stack, started = Storyteller(), Stack(), time.monotonic()
    report = Report()
    try:
        with show.step("From empty: Kafka, PostgreSQL, practice providers and six services start") as step:
            stack.reset(show.say)
            stack.up(show.say)
            step.detail = f"{len(stack.processes.names())} processes"
        asyncio.run(_play(stack, show, report, chaos=arguments.chaos))
        report.ok = True
    except FAILURES as problem:
        show.say(f"[bold red]Not as told:[/] {problem}")
    report.write(stack, show, time.monotonic() - started)
    if arguments.keep:
        _say_where(stack, show)
    else:
        stack.down(show.say)
    return 0 if report.ok else 1


class Report:
    """What the demo writes for other programs to read."""

    def __init__(self) -> None:
        self.ok = False
        self.items = dict.fromkeys(("published", "duplicates", "out_of_order", "lost"), 0)
        self.notices = 0
        self.killed: list[str] = []

    def take_in(self, story: Story) -> None:
        verdicts = [chapter.verdict for chapter in story.chapters if chapter.verdict]
        self.items = {name: sum(getattr(verdict, name) for verdict in verdicts) for name in self.items}
        self.notices = story.notices

    def write(self, stack: Stack, show: Storyteller, seconds: float) -> None:
        content: dict[str, Any] = {
            "ok": self.ok,
            "seconds": round(seconds, 1),
            "steps": [{"name": step.name, "ok": step.ok, "seconds": step.seconds} for step in show.steps],
            "items": self.items,
            "mails": len(of_stage(mails(stack.home.mail), "expired")),
            "notices": self.notices,
            "killed": self.killed,
        }
        file = stack.home.directory / "demo-report.json"
        write_whole(file, json.dumps(content, indent=2) + "\n")
        words = "[bold green]All as told[/]" if self.ok else "[bold red]Not as told[/]"
        show.say(f"{words}, {seconds:.0f} s. The same as JSON: {file.parent.name}/{file.name}")


async def _play(stack: Stack, show: Storyteller, report: Report, *, chaos: bool) -> None:
    async with AsyncExitStack() as opened:
        http = await opened.enter_async_context(httpx2.AsyncClient(timeout=20))
        topics = Topics(stack.addresses["kafka"], [topic.name for topic in load() if topic.visibility != "private"])
        opened.callback(topics.close)
        story = Story(
            stack=stack,
            show=show,
            browser=await opened.enter_async_context(Browser()),
            upstream=Upstream(Api(http, stack.addresses, BUSINESS, "prg_upstream", "admin")),
            practice=Practice(http, stack.addresses["simulator"]),
            topics=topics,
            administrator=Api(http, stack.addresses, BUSINESS, ADMINISTRATOR, "admin"),
            accountant=Api(http, stack.addresses, BUSINESS, ACCOUNTANT, "accountant"),
            patience_seconds=PATIENCE_IN_CHAOS_SECONDS if chaos else PATIENCE_SECONDS,
        )
        try:
            if chaos:
                async with Chaos(stack, show) as killer:
                    report.killed = killer.killed
                    await story.play()
            else:
                await story.play()
        finally:
            topics.read_on()
            report.take_in(story)
            _show_evidence(story, show)


def _show_evidence(story: Story, show: Storyteller) -> None:
    columns = {
        "Asked": "asked",
        "Published": "published",
        "Twice": "duplicates",
        "Out of order": "out_of_order",
        "Lost": "lost",
    }
    rows = [
        [chapter.software, *(str(getattr(chapter.verdict, name)) for name in columns.values())]
        for chapter in story.chapters
        if chapter.verdict
    ]
    show.table("Documents, by the providers' own lists", ["Provider", *columns], rows)
    counts = sorted(story.topics.count_by_type().items())
    show.table("Events, as read from the topics", ["Type", "Said"], [[kind, str(count)] for kind, count in counts])
    caught = [
        [str(mail["To"]), str(mail["Subject"]), str(mail["X-Relink-Stage"])] for mail in mails(story.stack.home.mail)
    ]
    show.table("Mail box", ["To", "Subject", "Stage"], caught)


def _say_where(stack: Stack, show: Storyteller) -> None:
    show.table("Left running; `make down` stops it", ["What", "Where"], [[k, v] for k, v in stack.addresses.items()])
    show.say(
        f"Sign in at {stack.addresses['web-svc']} as Anna Ackroyd (administrator); the practice login has no password."
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running and say where")
    parser.add_argument("--chaos", action="store_true", help="kill each worker in turn, and Kafka once, meanwhile")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
