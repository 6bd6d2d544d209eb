"""Anna repairs what she got a mail about, once everybody who is to be told was told."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from devstack.administrator import Administrator
from devstack.customers import ADDRESSES, BROKEN, Customer
from devstack.demo.upstream import Outage
from devstack.mailbox import ExpiryMail, MailBox

LOOKS_EVERY_SECONDS: Final = 1.0
TAKES_HER_TIME_SECONDS: Final = (1.0, 5.0)


@dataclass
class Caretaker(Administrator):
    """`chance` decides how long she takes."""

    mail_box: MailBox
    chance: random.Random
    repaired: int = 0
    _known: set[str] = field(default_factory=set)

    async def repair_for_ever(self, customers: Sequence[Customer]) -> None:
        """Follow the link of each new mail. Until cancelled."""
        while True:
            for customer in customers:
                with contextlib.suppress(Outage):
                    await self._look_after(customer)
            await asyncio.sleep(LOOKS_EVERY_SECONDS)

    async def _look_after(self, customer: Customer) -> None:
        mails = {user: self._new_mails(customer, user) for user in customer.told}
        if not all(mails.values()):
            return
        standing = await customer.standing()
        if standing["lifecycle"] in BROKEN:
            await asyncio.sleep(self.chance.uniform(*TAKES_HER_TIME_SECONDS))
            await self._follow(customer, mails["usr_anna"][-1], before=standing["generation"])
            self.repaired += 1
        self._known.update(mail.message_id for new in mails.values() for mail in new)

    async def _follow(self, customer: Customer, mail: ExpiryMail, *, before: int) -> None:
        by_link = partial(self.go_by_link, customer, mail.link) if mail.link else None
        await self.reconnect(customer, before=before, first=by_link)

    def _new_mails(self, customer: Customer, user: str) -> list[ExpiryMail]:
        mails = self.mail_box.about(customer.connection_id, ADDRESSES[user])
        return [mail for mail in mails if mail.message_id not in self._known]
