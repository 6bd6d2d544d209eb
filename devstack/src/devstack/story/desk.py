"""The desk of one customer, at which two administrators repair its connection in one way or another."""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from devstack.administrator import GOES_WRONG, Administrator, GoToLogin
from devstack.customers import ADDRESSES, Customer
from devstack.demo.story import expect, log_in_and_finish
from devstack.mailbox import ExpiryMail, MailBox
from devstack.playing import until

MAIL_WITHIN_SECONDS: Final = 15.0
JOINED_WITHIN_SECONDS: Final = 10.0
BEN_COMES_AFTER_SECONDS: Final = (0.0, 1.5)


class Way(StrEnum):
    """How a repair begins. Whatever comes of that, it is gone on with until the connection works."""

    PAGE = "page"
    LINK = "link"
    WRONG_ORGANISATION = "wrong organisation"
    WRONG_ORGANISATION_BY_LINK = "wrong organisation by link"
    DENIED = "denied"
    TWO_ADMINISTRATORS = "two administrators"


@dataclass
class Desk:
    """`elsewhere` is an organisation at the same provider that is nobody's."""

    customer: Customer
    elsewhere: str
    anna: Administrator
    ben: Administrator
    mail_box: MailBox
    chance: random.Random
    repairs: Counter[Way] = field(default_factory=Counter)
    _read: set[str] = field(default_factory=set)

    async def open(self) -> None:
        """Both sign in, and one of them connects."""
        await self.anna.sign_in()
        await self.ben.sign_in()
        await self.anna.connect(self.customer)

    async def repair(self, *, before: int) -> None:
        """Returns when the connection works by a later consent than number `before`."""
        way = self.chance.choice(list(Way))
        first: dict[Way, GoToLogin] = {
            Way.LINK: self._by_link,
            Way.WRONG_ORGANISATION: self._by_another_organisation,
            Way.WRONG_ORGANISATION_BY_LINK: self._by_link_and_another_organisation,
            Way.DENIED: self._by_a_refusal,
        }
        annas = self.anna.reconnect(self.customer, before=before, first=first.get(way))
        if way is Way.TWO_ADMINISTRATORS:
            async with asyncio.TaskGroup() as both:
                both.create_task(annas)
                both.create_task(self._ben_tries())
        else:
            await annas
        self.repairs[way] += 1
        self._read = {mail.message_id for mail in self._mails()}

    async def _by_link(self) -> None:
        """By the mail about this expiry; one about an earlier one that comes late leads nowhere."""

        async def mail() -> ExpiryMail | None:
            return next((mail for mail in reversed(self._mails()) if mail.message_id not in self._read), None)

        come = await until(mail, "a mail about the expiry has come", seconds=MAIL_WITHIN_SECONDS)
        expect(come.link, "the mail has no link")
        await self.anna.go_by_link(self.customer, come.link or "")

    async def _by_another_organisation(self) -> None:
        """The first login is one at another organisation; then back."""
        await self.anna.go_by_page(self.customer)
        await self._log_in_elsewhere()
        await self.anna.browser.press(f"Log in to {self.customer.organisation}")

    async def _by_link_and_another_organisation(self) -> None:
        """Through a link only the expected organisation is accepted."""
        await self._by_link()
        await self._log_in_elsewhere()
        await self._try_again()

    async def _by_a_refusal(self) -> None:
        await self.anna.go_by_page(self.customer)
        await self.anna.browser.press("Log in", **self.customer.login)
        await self.anna.browser.press("Cancel")
        await self._try_again()

    async def _log_in_elsewhere(self) -> None:
        login = {**self.customer.login, "organisation": self.elsewhere}
        await self.anna.browser.press("Log in", **login)
        await self.anna.browser.press("Allow access", **login)

    async def _try_again(self) -> None:
        await self.anna.browser.press("Try again")
        await self.anna.browser.press(f"Continue to {self.customer.software}")

    async def _ben_tries(self) -> None:
        """Once: he joins, takes over, is first, or comes too late."""
        await asyncio.sleep(self.chance.uniform(*BEN_COMES_AFTER_SECONDS))
        with contextlib.suppress(*GOES_WRONG):
            if self.chance.random() < 0.5:  # noqa: PLR2004 - a coin
                await self._ben_joins()
            else:
                await self.ben.go_by_page(self.customer)
                await log_in_and_finish(self.ben.browser, self.customer.organisation, **self.customer.login)

    async def _ben_joins(self) -> None:
        async def is_back_from_the_provider() -> bool:
            if "Next" in self.ben.browser.page.offers():
                return True
            await self.ben.browser.press("Check again")
            return False

        await self.ben.open_reconnect(self.customer)
        await self.ben.browser.press("Join")
        await until(is_back_from_the_provider, "the other's login is back", seconds=JOINED_WITHIN_SECONDS)
        await self.ben.browser.press("Next")

    def _mails(self) -> list[ExpiryMail]:
        return self.mail_box.about(self.customer.connection_id, ADDRESSES["usr_anna"])
