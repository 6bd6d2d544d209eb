"""Anna: she connects, and repairs what she got a mail about. A page that fails her costs her another try."""

import asyncio
import contextlib
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import httpx2

from devstack.demo.browser import Browser, NothingToPress
from devstack.demo.story import NotAsTold, log_in_and_finish
from devstack.demo.upstream import Outage
from devstack.soak.customers import ADDRESSES, BROKEN, Customer, until

REPAIRED_WITHIN_SECONDS: Final = 300.0
LOOKS_EVERY_SECONDS: Final = 1.0
TAKES_HER_TIME_SECONDS: Final = (1.0, 5.0)
_LINK: Final = re.compile(r"https?://\S+/r/\S+")


@dataclass
class MailBox:
    """The mails about expiries that were caught, each file read once."""

    folder: Path
    _read: dict[Path, EmailMessage] = field(default_factory=dict)

    def about(self, customer: Customer, address: str) -> dict[str, EmailMessage]:
        """What this person was sent about the customer's connection, by Message-ID."""
        for file in sorted(set(self.folder.glob("*.eml")) - self._read.keys()):
            mail = message_from_bytes(file.read_bytes(), policy=policy.default)
            if isinstance(mail, EmailMessage):
                self._read[file] = mail
        found = (mail for mail in self._read.values() if mail["X-Relink-Stage"] == "expired")
        return {
            str(mail["Message-ID"]): mail
            for mail in found
            if mail["X-Relink-Connection"] == customer.connection_id and address in str(mail["To"])
        }


@dataclass
class Person:
    """One administrator of both businesses at one browser. `chance` decides how long she takes."""

    web: str
    browser: Browser
    mail_box: MailBox
    chance: random.Random
    repaired: int = 0
    _known: set[str] = field(default_factory=set)

    async def sign_in(self) -> None:
        async def signed_in() -> bool:
            with contextlib.suppress(NothingToPress):
                await self.browser.open(self.web)
                await self.browser.press("Anna Ackroyd")
            return self.browser.page.heading == "Inbox"

        await until(signed_in, "Anna is signed in")

    async def connect(self, customer: Customer) -> None:
        """Returns when the customer has a connection that works."""

        async def is_connected() -> bool:
            for each in await customer.upstream.connections():
                if each["provider"] == customer.provider and each["lifecycle"] == "active":
                    customer.connection_id = each["connection_id"]
            return bool(customer.connection_id)

        async def begin() -> None:
            await self.browser.open(f"{self._settings(customer)}/new/{customer.provider}")
            await self.browser.press("Connect software")

        await self._log_in(customer, begin, is_connected)

    async def repair_for_ever(self, customers: Sequence[Customer]) -> None:
        """Follow the link of each new mail, once everybody who is to be told was told. Until cancelled."""
        while True:
            for customer in customers:
                with contextlib.suppress(Outage):
                    await self._look_after(customer)
            await asyncio.sleep(LOOKS_EVERY_SECONDS)

    async def _look_after(self, customer: Customer) -> None:
        mails = [self.mail_box.about(customer, ADDRESSES[user]) for user in customer.told]
        if not all(mail.keys() - self._known for mail in mails):
            return
        standing = await customer.standing()
        if standing["lifecycle"] in BROKEN:
            await asyncio.sleep(self.chance.uniform(*TAKES_HER_TIME_SECONDS))
            mine = self.mail_box.about(customer, ADDRESSES["usr_anna"])
            newest = next(mail for message_id, mail in reversed(mine.items()) if message_id not in self._known)
            await self._reconnect(customer, newest, before=standing["generation"])
            self.repaired += 1
        self._known.update(*mails)

    async def _reconnect(self, customer: Customer, mail: EmailMessage, *, before: int) -> None:
        """By the link in the mail; where that leads nowhere any more, by the page of the connection."""
        body = mail.get_body(("plain",))
        links = _LINK.findall(body.get_content() if body else "")

        async def works_again() -> bool:
            return bool((await customer.standing())["generation"] > before)

        async def begin() -> None:
            if links:
                await self.browser.open(links.pop())
                await self.browser.press(f"Log in to {customer.software}")
            else:
                await self.browser.open(f"{self._settings(customer)}/{customer.connection_id}/reconnect")
                await self.browser.press(f"Continue to {customer.software}")

        await self._log_in(customer, begin, works_again)

    async def _log_in(
        self, customer: Customer, begin: Callable[[], Awaitable[None]], is_done: Callable[[], Awaitable[bool]]
    ) -> None:
        async def tried() -> bool:
            if await is_done():  # an answer that was lost may have been a good one
                return True
            with contextlib.suppress(NothingToPress, NotAsTold, httpx2.HTTPError):
                await begin()
                await log_in_and_finish(self.browser, customer.organisation, **customer.login)
            return await is_done()

        await until(tried, f"{customer.name} is connected", seconds=REPAIRED_WITHIN_SECONDS)

    def _settings(self, customer: Customer) -> str:
        return f"{self.web}/b/{customer.business_id}/settings/connections"
