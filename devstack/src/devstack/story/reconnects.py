"""The story of the reconnects: a consent ends, somebody notices, it is given again, a thousand times, amid kills.

Many connections live side by side. At each of them consents end one after the other: access is withdrawn at the
provider, or its tokens are refused, and the next use notices it; or a year goes by, for all of them at once.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import uuid4

import httpx2

from chassis.service_tokens import ServiceSigner
from devstack.clock import StackClock
from devstack.customers import BROKEN
from devstack.demo.evidence import Practice
from devstack.demo.show import Storyteller
from devstack.demo.story import YEAR
from devstack.findings import Databases
from devstack.havoc import Havoc
from devstack.playing import answered, at_rest, meanwhile, until
from devstack.story.desk import Desk
from devstack.story.evidence import TO_DO
from devstack.story.verdict import Consent, TokenSeen

PROGRESS_EVERY_SECONDS: Final = 10.0
NOTICED_WITHIN_SECONDS: Final = 300.0
USED_EVERY_SECONDS: Final = 3.0
MINUTES: Final = timedelta(minutes=6)
"""Above those for which lists that were just read are not read again."""
LAPSES: Final = 1 / 3
"""The part of all endings that is to come from the calendar."""


@dataclass
class Calendar:
    """Moves the clock of the whole stack."""

    clock: StackClock
    years: int = 0
    _moved_at: float = 0.0

    def a_year_passes(self) -> None:
        self.clock.advance(YEAR)
        self.years += 1

    def minutes_pass(self) -> None:
        """Not for everybody who asks, or all logins would take longer than half an hour."""
        if time.monotonic() - self._moved_at >= USED_EVERY_SECONDS:
            self._moved_at = time.monotonic()
            self.clock.advance(MINUTES)

    async def minutes_pass_for_ever(self) -> None:
        while True:
            self.minutes_pass()
            await asyncio.sleep(USED_EVERY_SECONDS)


@dataclass
class Reconnects:
    """`wanted` rounds at the desks, on a stack that was just started from empty. `signer` signs as publish-svc does."""

    show: Storyteller
    practice: Practice
    desks: Sequence[Desk]
    calendar: Calendar
    havoc: Havoc
    signer: ServiceSigner
    databases: Databases
    wanted: int
    begun: int = 0
    played: int = 0
    planned: set[Consent] = field(default_factory=set)
    """Consents that were ended at the provider."""
    tokens: list[TokenSeen] = field(default_factory=list)

    async def play(self) -> None:
        """Returns when all rounds are over and the system has come to rest.

        Raises an ExceptionGroup of NotAsTold, DevstackError and httpx2.HTTPError.
        """
        over = asyncio.Event()
        async with meanwhile(self._tell_progress()), asyncio.TaskGroup() as busy:
            busy.create_task(self.havoc.run(over, lambda: self.played / self.wanted))
            async with asyncio.TaskGroup() as rounds:
                for desk in self.desks:
                    rounds.create_task(self._play_at(desk))
            over.set()
        async with meanwhile(self.calendar.minutes_pass_for_ever()):
            await at_rest(partial(self.databases.left_to_do, TO_DO))

    async def _play_at(self, desk: Desk) -> None:
        while self.begun < self.wanted:
            self.begun += 1
            ended = await self._consent_ends(desk)
            await desk.repair(before=ended)
            await self._look_where_the_token_leads(desk)
            self.played += 1

    async def _consent_ends(self, desk: Desk) -> int:
        """Which of the connection's consents it was. One that has ended by itself is as good as any."""
        standing = await answered(desk.customer.standing, "the connection can be read")
        if standing["lifecycle"] not in BROKEN:
            await self._end(desk, standing["generation"])
            standing = await self._noticed(desk)
        return int(standing["generation"])

    async def _end(self, desk: Desk, generation: int) -> None:
        # A year ends all consents at once: this often it makes up its part of the endings.
        if desk.chance.random() < LAPSES / (1 - LAPSES) / len(self.desks):
            self.calendar.a_year_passes()
            return
        customer = desk.customer
        end = desk.chance.choice((self.practice.withdraw_access, self.practice.end_tokens))
        await answered(lambda: end(customer.provider, customer.organisation_id), "access is withdrawn")
        self.planned.add((customer.connection_id, generation))

    async def _noticed(self, desk: Desk) -> dict[str, Any]:
        """Use the connection until it is found to be broken."""
        used_at = 0.0

        async def is_broken() -> dict[str, Any] | None:
            nonlocal used_at
            standing = await desk.customer.standing()
            if standing["lifecycle"] in BROKEN:
                return standing
            if time.monotonic() - used_at >= USED_EVERY_SECONDS:
                used_at = time.monotonic()
                self.calendar.minutes_pass()
                with contextlib.suppress(httpx2.HTTPStatusError):  # sync-svc knows already, or has just read them
                    await desk.customer.upstream.refresh_lists(desk.customer.connection_id, uuid4().hex)
            return None

        return await until(is_broken, f"{desk.customer.name} is broken", seconds=NOTICED_WITHIN_SECONDS)

    async def _look_where_the_token_leads(self, desk: Desk) -> None:
        """As publish-svc gets it. The consent may have ended again meanwhile: then there is none."""
        customer = desk.customer
        path = f"/internal/connections/{customer.connection_id}/access-token"

        async def ask() -> dict[str, Any]:
            token = self.signer.token("connection-svc", "publish-svc", customer.business_id, "service")
            call, headers = customer.upstream.api.call, {"Authorization": f"Bearer {token}"}
            answer = await call("POST", "connection-svc", path, json={"class": "publish"}, headers=headers)
            found: dict[str, Any] = answer.json()
            return found

        answer = await answered(ask, "a token is handed out")
        if answer["status"] == "usable":
            reach = partial(self.practice.reached_by, customer.provider, answer["access_token"])
            reached = await answered(reach, "the provider tells where the token leads")
            self.tokens.append(TokenSeen(customer.connection_id, answer["generation"], reached))

    async def _tell_progress(self) -> None:
        began, told = time.monotonic(), self.havoc.killed.copy()
        while True:
            await asyncio.sleep(PROGRESS_EVERY_SECONDS)
            victims = [name for name, times in self.havoc.killed.items() if times > told[name]]
            told = self.havoc.killed.copy()
            self.show.say(
                f"  {time.monotonic() - began:5.0f} s  {self.played} of {self.wanted} rounds, {self.calendar.years} "
                f"years gone by; killed {', '.join(victims) or 'nobody'}"
            )
