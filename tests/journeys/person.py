"""Somebody before a browser, who looks at every page before pressing anything on it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from axe_playwright_python.async_playwright import Axe
from looks import PATIENCE_SECONDS, Look, fresh_profile
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, expect

MOST_TABS = 80


class Person:
    """One person with a browser profile of their own.

    `presses` counts what they press on our pages, none at a provider's or at the sign-in. `complaints` is what our
    pages wrote into the console.
    """

    def __init__(self, page: Page, look: Look, ours: str) -> None:
        self.page, self.look = page, look
        self.presses = 0
        self.complaints: list[str] = []
        self._ours = ours
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    @classmethod
    async def before(cls, browser: Browser, look: Look, ours: str) -> Self:
        profile = await fresh_profile(browser, look, ours)
        return cls(await profile.new_page(), look, ours)

    @property
    def is_with_us(self) -> bool:
        return self.page.url.startswith(self._ours)

    async def open(self, address: str) -> None:
        await self.page.goto(address)

    async def press(self, label: str, *, within: Locator | None = None, exact: bool = True) -> None:
        """Press the link or button with these words."""
        around = within or self.page
        link, button = (around.get_by_role(role, name=label, exact=exact) for role in ("link", "button"))
        await self.finds(link.or_(button))
        await self.looks()
        self.presses += self.is_with_us
        if self.look.is_keyboard_only:
            await self._reach(link.or_(button).first)
            await self.page.keyboard.press("Enter")
        else:
            await link.or_(button).first.click()

    async def sees(self, heading: str) -> None:
        """Arrive at the page with this heading."""
        await self.finds(self.page.get_by_role("heading", name=heading, exact=True))
        await self.looks()

    async def reads(self, words: str) -> None:
        await self.finds(self.page.get_by_text(words))

    async def finds(self, thing: Locator) -> None:
        """The page comes to show it, by itself or, where there are no scripts, when it is loaded again."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (self.look.has_scripts or await thing.first.is_visible()):
                await asyncio.sleep(0.5)
                await self.page.reload()
        await expect(thing.first).to_be_visible()

    async def looks(self) -> None:
        """There is nothing for axe to find on the page, and nothing beside the screen.

        Axe is a script itself: without them nobody looks, at pages that others see as well.
        """
        if not self.look.has_scripts:
            return
        violations = (await Axe().run(self.page)).response["violations"]
        found = [f"{each['id']} at {each['nodes'][0]['html']}" for each in violations]
        is_too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        if await self.page.evaluate(is_too_wide):
            found.append("wider than the screen")
        assert found == [], f"{self.page.url} on {self.look}: {found}"

    async def _reach(self, thing: Locator) -> None:
        for _ in range(MOST_TABS):
            if await thing.evaluate("it => it === document.activeElement"):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {thing} on {self.page.url}")

    def _hear(self, message: ConsoleMessage) -> None:
        """That a page itself was answered with an error is written there too, and is no complaint of the page."""
        if message.type == "error" and self.is_with_us and message.location.get("url") != self.page.url:
            self.complaints.append(message.text)


SitDown = Callable[[Look], Awaitable[Person]]
"""Brings somebody before a fresh browser."""
