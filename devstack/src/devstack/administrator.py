"""An administrator connects and reconnects, at our pages and the providers'. One that fails costs her another try."""

import contextlib
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx2

from devstack.customers import Customer
from devstack.demo.browser import Browser, NothingToPress
from devstack.demo.story import NotAsTold, log_in_and_finish
from devstack.playing import until

REPAIRED_WITHIN_SECONDS: Final = 300.0
GOES_WRONG: Final = (NothingToPress, NotAsTold, httpx2.HTTPError)
"""What a try may end with: pages are away, or are not those that she expected."""

GoToLogin = Callable[[], Awaitable[None]]
"""Leaves the browser before the provider's login."""


@dataclass
class Administrator:
    """`name` is what the practice sign-in calls her."""

    web: str
    browser: Browser
    name: str

    async def sign_in(self) -> None:
        async def signed_in() -> bool:
            with contextlib.suppress(NothingToPress):
                await self.browser.open(self.web)
                await self.browser.press(self.name)
            return self.browser.page.heading == "Inbox"

        await until(signed_in, f"{self.name} is signed in")

    async def connect(self, customer: Customer) -> None:
        """Returns when the customer has a connection that works."""

        async def is_connected() -> bool:
            for each in await customer.upstream.connections():
                if each["provider"] == customer.provider and each["lifecycle"] == "active":
                    customer.connection_id = each["connection_id"]
            return bool(customer.connection_id)

        async def go() -> None:
            await self.browser.open(f"{self._settings(customer)}/new/{customer.provider}")
            await self.browser.press("Connect software")

        await self._log_in(customer, go, go, is_connected)

    async def reconnect(self, customer: Customer, *, before: int, first: GoToLogin | None = None) -> None:
        """Returns when the connection works by a later consent than number `before`.

        `first` is how the first try gets to the login; the others go by the page of the connection.
        """

        async def works_again() -> bool:
            return bool((await customer.standing())["generation"] > before)

        by_page = partial(self.go_by_page, customer)
        await self._log_in(customer, first or by_page, by_page, works_again)

    async def open_reconnect(self, customer: Customer) -> None:
        await self.browser.open(f"{self._settings(customer)}/{customer.connection_id}/reconnect")

    async def go_by_page(self, customer: Customer) -> None:
        """From the page of the connection to the login, taking over from whoever is on the way."""
        await self.open_reconnect(customer)
        is_taken = "Take over" in self.browser.page.offers()
        await self.browser.press("Take over" if is_taken else f"Continue to {customer.software}")

    async def go_by_link(self, customer: Customer, link: str) -> None:
        """From a reconnect link to the login."""
        await self.browser.open(link)
        await self.browser.press(f"Log in to {customer.software}")

    async def _log_in(
        self, customer: Customer, first: GoToLogin, later: GoToLogin, is_done: Callable[[], Awaitable[bool]]
    ) -> None:
        ways = itertools.chain([first], itertools.repeat(later))

        async def tried() -> bool:
            if await is_done():  # an answer that was lost may have been a good one
                return True
            with contextlib.suppress(*GOES_WRONG):
                await next(ways)()
                await log_in_and_finish(self.browser, customer.organisation, **customer.login)
            return await is_done()

        await until(tried, f"{customer.name} is connected", seconds=REPAIRED_WITHIN_SECONDS)

    def _settings(self, customer: Customer) -> str:
        return f"{self.web}/b/{customer.business_id}/settings/connections"
