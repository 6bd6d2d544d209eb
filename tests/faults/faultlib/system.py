"""The whole system on a stack of its own, for cells that break services or machines and not one part of them.

It is started once for all seeds of a cell, with four connections that people made through the pages: what a seed
finds is about everything that was asked for since. What is believed is the soak's evidence: the providers' documents,
the topics, the mail box, and the databases against each other.
"""

import asyncio
import dataclasses
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from devstack.demo.browser import Browser
from devstack.demo.evidence import Practice
from devstack.findings import Databases, Finding
from devstack.home import Home
from devstack.mailbox import MailBox
from devstack.processes import Program
from devstack.soak import evidence
from devstack.soak.caretaker import Caretaker
from devstack.soak.customers import BusyCustomer, customers_of
from devstack.soak.play import connect_everybody, drained
from devstack.soak.traffic import Traffic
from devstack.stack import Stack

REPEATED = ("documents repeated", "effects repeated between services", "notices and mails repeated")
OUT_OF_ORDER = ("documents out of order", "events out of order")
COUNTED = ("documents asked for", "events said", "events sent again")


@dataclass
class Day:
    """What one seed does it with: connections to services, and whoever asks."""

    customers: list[BusyCustomer]
    anna: Caretaker
    traffic: Traffic
    practice: Practice
    http: httpx2.AsyncClient


@dataclass
class System:
    stack: Stack
    customers: list[BusyCustomer] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    """What was found so far, to tell what a seed adds to it."""

    @classmethod
    def start(cls, directory: Path) -> "System":
        system = cls(Stack(Home(directory)))
        system.stack.up(print)
        asyncio.run(system._connect())
        return system

    @property
    def databases(self) -> Databases:
        return Databases(self.stack)

    @asynccontextmanager
    async def day(self, seed: int) -> AsyncIterator[Day]:
        addresses, plan = self.stack.addresses, random.Random(f"{seed}/day")
        async with httpx2.AsyncClient(timeout=20) as http, Browser() as browser:
            customers = customers_of(http, addresses)
            if self.customers:
                pairs = zip(self.customers, customers, strict=True)
                customers = [dataclasses.replace(known, upstream=fresh.upstream) for known, fresh in pairs]
            mail_box = MailBox(self.stack.home.mail)
            anna = Caretaker(addresses["web-svc"], browser, "Anna Ackroyd", mail_box, plan)
            practice = Practice(http, addresses["simulator"])
            await anna.sign_in()
            yield Day(customers, anna, Traffic(customers, practice, self.stack.clock, plan), practice, http)

    def program(self, name: str, **environment: str) -> Program:
        """A process of the stack under the same name, told something else."""
        program = self.stack.program(name)
        return dataclasses.replace(program, environment={**program.environment, **environment})

    async def run(self, service: str, command: str) -> None:
        """Run one of the service's commands to its end."""
        program = self.program(f"{service}.worker")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", service.replace("-", "_"), command),
            env=dict(program.environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, f"{service} {command} failed: {said.decode()}"

    def result(self, findings: list[Finding], *, recovery_seconds: float) -> dict[str, Any]:
        """The line of the table, and what must be nothing. Events are those that this seed added."""
        counts = {finding.what: finding.count for finding in findings}
        new = {what: counts[what] - self.counted.get(what, 0) for what in COUNTED}
        self.counted = counts
        return {
            "events": new["events said"],
            "documents": new["documents asked for"],
            "lost": counts["documents lost"] + counts["events lost"] + counts["notices and mails missing"],
            "repeated_effects": sum(counts[what] for what in REPEATED),
            "order_violations": sum(counts[what] for what in OUT_OF_ORDER),
            "duplicates": new["events sent again"],
            "recovery_seconds": round(recovery_seconds, 2),
        }

    async def _connect(self) -> None:
        async with self.day(0) as day:
            await connect_everybody(self.stack, day.customers, day.anna, day.traffic)
            self.customers = day.customers
            await drained(self.databases)
            self.result(await evidence.look(self.stack, day.customers, day.practice), recovery_seconds=0)
