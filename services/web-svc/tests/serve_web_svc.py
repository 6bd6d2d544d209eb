"""web-svc among fakes, as a browser meets it."""

from dataclasses import dataclass

from build_web_svc import ANNA, World
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}


@dataclass
class Served:
    """web-svc as a browser meets it."""

    world: World
    url: str
    chromium: Browser

    async def visit(self, user_id: str = ANNA) -> BrowserContext:
        """A fresh browser profile in which this person is signed in."""
        context = await self.chromium.new_context(base_url=self.url, viewport=DESKTOP)
        cookies = (await self.world.sign_in(user_id)).items()
        await context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in cookies])
        return context

    async def open(self, path: str, user_id: str = ANNA) -> Page:
        page = await (await self.visit(user_id)).new_page()
        await page.goto(path)
        return page
