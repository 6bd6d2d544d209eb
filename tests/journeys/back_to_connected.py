"""Measures how long people wait between *Allow access* at the provider and *Connected to …* on our page.

`python tests/journeys/back_to_connected.py` plays reconnects in a real Chromium on a stack of its own and writes the
figures into the README beside this file. *Next* is pressed as soon as it can be: how long a person thinks is not ours.
"""

import asyncio
import math
import os
import statistics
import sys
import time
from pathlib import Path

import httpx2
from looks import DESK
from own_stack import own_stack
from people import CONNECTIONS, OURS, connected, sign_in
from person import Person
from playwright.async_api import Page

from devstack.chromium import a_chromium
from devstack.demo.upstream import Api, Upstream
from devstack.stack import Stack

ROUNDS = 12
SOFTWARE = {"xero": "Xero", "quickbooks": "QuickBooks Online", "sage": "Sage Accounting", "freeagent": "FreeAgent"}
README = Path(__file__).parent / "README.md"
MARKS = ("<!-- measured -->\n", "<!-- end of measured -->")


async def reconnect(page: Page, connection_id: str) -> float:
    """Seconds from the press at the provider to the confirmation. Returns once the lists are there again."""
    await page.goto(f"{CONNECTIONS}/{connection_id}")
    await page.get_by_role("button", name="Reconnect", exact=True).click()
    await page.get_by_role("button", name="Log in").click()
    allow = page.get_by_role("button", name="Allow access")
    await allow.wait_for()
    pressed = time.monotonic()
    await allow.click()
    await page.get_by_role("button", name="Next").click()
    await page.get_by_role("heading", name=f"Connected to {OURS}").wait_for()
    waited = time.monotonic() - pressed
    await page.get_by_text("Lists updated").wait_for()
    return waited


async def measure(stack: Stack) -> dict[str, list[float]]:
    async with a_chromium() as browser, httpx2.AsyncClient(timeout=30) as http:
        upstream = Upstream(Api(http, stack.addresses, "biz_demo", "usr_anna", "admin"))
        ids = {provider: await connected(stack, upstream, provider) for provider in SOFTWARE}
        anna = await Person.before(browser, DESK, stack.addresses["web-svc"])
        await sign_in(anna, "Anna Ackroyd")
        for connection_id in ids.values():  # not counted: nothing is warm yet
            await reconnect(anna.page, connection_id)
        waits: dict[str, list[float]] = {provider: [] for provider in SOFTWARE}
        for _ in range(ROUNDS):
            for provider, connection_id in ids.items():
                waits[provider].append(await reconnect(anna.page, connection_id))
        return waits


def table(waits: dict[str, list[float]]) -> str:
    everything = [seconds for each in waits.values() for seconds in each]
    rows = [(SOFTWARE[provider], seconds) for provider, seconds in waits.items()] + [("All", everything)]
    head = "| Practice provider | Reconnects | Median | p95 | Longest |\n|---|---|---|---|---|\n"
    cells = (
        f"| {name} | {len(each)} | {statistics.median(each):.2f} s | {p95(each):.2f} s | {max(each):.2f} s |\n"
        for name, each in rows
    )
    return f"{head}{''.join(cells)}\nMeasured with the whole system and the browser on {os.cpu_count()} cores.\n"


def p95(seconds: list[float]) -> float:
    """By nearest rank."""
    return sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]


def main() -> None:
    with own_stack(tell) as stack:
        measured = table(asyncio.run(measure(stack)))
    tell(measured)
    before, rest = README.read_text().split(MARKS[0])
    README.write_text(f"{before}{MARKS[0]}{measured}{MARKS[1]}{rest.split(MARKS[1])[1]}")


def tell(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


if __name__ == "__main__":
    main()
