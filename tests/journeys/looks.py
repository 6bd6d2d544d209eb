"""What a person has before them."""

from dataclasses import dataclass, replace
from typing import Literal

from playwright.async_api import Browser, BrowserContext, expect

PATIENCE_SECONDS = 60  # two busy cores; the journeys are not about speed


@dataclass(frozen=True)
class Look:
    """What somebody has before them, and how they use it."""

    name: str
    width: int
    height: int
    color_scheme: Literal["light", "dark"]
    has_scripts: bool = True
    is_keyboard_only: bool = False

    def __str__(self) -> str:
        return self.name


DESK = Look("desk", 1280, 900, "light")
PHONE = Look("phone", 390, 844, "dark")
KEYBOARD = replace(DESK, name="keyboard", is_keyboard_only=True)
NO_SCRIPTS = replace(DESK, name="no-scripts", has_scripts=False)


async def fresh_profile(browser: Browser, look: Look, base_url: str) -> BrowserContext:
    profile = await browser.new_context(
        base_url=base_url,
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.color_scheme,
        java_script_enabled=look.has_scripts,
    )
    profile.set_default_timeout(PATIENCE_SECONDS * 1000)
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    return profile
