"""Each page on a desk and on a phone, light and dark: nothing for axe to find, nothing in the console, nothing cut off.

What axe cannot judge is whether a page is pleasant: the pictures lie in `.devstack/screenshots/`.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from build_web_svc import (
    ANNA,
    BEN,
    CARLA,
    NOW,
    XERO,
    World,
    attempt,
    connection,
    expired,
    item,
    organisation,
    release,
)
from playwright.async_api import Page
from serve_web_svc import DESKTOP, PHONE, Served

from web_svc.domain.people import Membership

PICTURES = Path(__file__).parents[4] / ".devstack" / "screenshots"
BASE = "/b/biz_demo"
CONNECTION = f"{BASE}/settings/connections/{XERO}"
CHOICE = f"{CONNECTION}/organisation?attempt=att_1"


def broken(world: World) -> None:
    """Xero has expired, QuickBooks ends soon, and there is an item of every kind."""
    soon = connection(
        connection_id="con_qb", provider="quickbooks", consent_expires_at=(NOW + timedelta(days=6)).isoformat()
    )
    world.connection_service.connections = {XERO: expired(), "con_qb": soon}
    world.connection_service.explanation = {"why": "The yearly consent ended on 19 November 2026.", "next": "Log in."}
    world.connection_service.history = [
        {"at": NOW.isoformat(), "what": "expired", "by": "connection-svc", "detail": "reason: consent_lapsed"},
        {"at": NOW.isoformat(), "what": "connected", "by": ANNA, "detail": "channel: web"},
    ]
    world.publish_service.items = [
        item(1, status="failed", reason="other", provider_message="Account 429 is archived"),
        item(2),
        item(3, reason="outage"),
        item(4, status="review"),
        item(5, status="published", provider_url="http://localhost/there"),
        item(6, status="publishing"),
        *(item(n, status="held", reason="connection_expired") for n in range(20, 32)),
    ]
    world.publish_service.history = [{"at": NOW.isoformat(), "what": "held", "detail": "connection_expired"}]
    world.publish_service.held = {"waiting": 12, "release": None}
    world.connection_service.attempts = {"att_1": attempt(organisation(), organisation("Other Org Ltd", taken=True))}
    for state in ("valid", "used", "repaired", "expired"):
        world.connection_service.link(state)


def empty(world: World) -> None:
    world.connection_service.connections = {}


def resuming(world: World) -> None:
    began, ends = NOW - timedelta(minutes=1), NOW + timedelta(days=365)
    works = connection(connected_at=began.isoformat(), consent_expires_at=ends.isoformat())
    world.connection_service.connections = {XERO: works}
    world.publish_service.held = {"waiting": 9, "release": release()}


def mismatched(world: World) -> None:
    broken(world)
    world.connection_service.attempts = {"att_1": attempt(organisation("Other Org Ltd"))}


def denied(world: World) -> None:
    broken(world)
    world.connection_service.attempts = {"att_1": attempt(state="failed", problem="denied")}


def several_others(world: World) -> None:
    broken(world)
    others = [organisation("Other Org Ltd"), organisation("Third Org Ltd")]
    world.connection_service.attempts = {"att_1": attempt(*others)}


def many(world: World) -> None:
    broken(world)
    clients = [organisation(f"Client {n} Ltd", taken=n == 2, taken_by="this_business") for n in range(1, 10)]
    world.connection_service.attempts = {"att_1": attempt(organisation(), *clients)}


def lacking(world: World) -> None:
    broken(world)
    lacked = attempt(state="failed", problem="scope_missing", missing_permissions=["bills", "attachments"])
    world.connection_service.attempts = {"att_1": lacked}


def paused(world: World) -> None:
    broken(world)
    world.connection_service.paused = {"xero"}


def degraded(world: World) -> None:
    resuming(world)
    world.health.remember("xero", "degraded", sequence=1)


def for_the_web_only(world: World) -> None:
    world.connection_service.connections = {XERO: expired(provider="sage")}


def of_two_businesses(world: World) -> None:
    world.memberships.remember(Membership("biz_second", ANNA, frozenset({"admin"})), sequence=1)


def used_at_another_organisation(world: World) -> None:
    world.connection_service.link("used")
    login = {"attempt_id": "att_1", "state": "failed", "problem": "organisation_mismatch", "missing_permissions": []}
    world.connection_service.links["used"]["login"] = login


def somebody_else(world: World) -> None:
    broken(world)
    world.connection_service.attempts = {"att_1": attempt(state="started", started_by=CARLA)}


def changing(world: World) -> None:
    resuming(world)
    world.connection_service.connections[XERO] |= {"replaces_connection_id": "con_old"}
    world.connection_service.attempts = {"att_1": attempt(organisation("Other Org Ltd"), intent="change")}


PAGES: list[tuple[str, Callable[[World], None], str, str]] = [
    ("inbox-review", broken, ANNA, f"{BASE}/inbox"),
    ("inbox-ready", broken, ANNA, f"{BASE}/inbox?tab=ready"),
    ("inbox-waiting", broken, ANNA, f"{BASE}/inbox?tab=waiting"),
    ("inbox-failed", broken, ANNA, f"{BASE}/inbox?tab=failed"),
    ("inbox-published", broken, ANNA, f"{BASE}/inbox?tab=published"),
    ("inbox-of-a-member", broken, BEN, f"{BASE}/inbox?tab=waiting"),
    ("inbox-empty", empty, ANNA, f"{BASE}/inbox"),
    ("item-failed", broken, ANNA, f"{BASE}/items/itm_0001"),
    ("item-waiting", broken, ANNA, f"{BASE}/items/itm_0020"),
    ("settings", broken, ANNA, f"{BASE}/settings"),
    ("managers-only", broken, BEN, f"{BASE}/settings"),
    ("connections", broken, ANNA, f"{BASE}/settings/connections"),
    ("connections-none", empty, ANNA, f"{BASE}/settings/connections"),
    ("connect", empty, ANNA, f"{BASE}/settings/connections/new/xero"),
    ("manage-expired", broken, ANNA, CONNECTION),
    ("manage-connected", resuming, ANNA, CONNECTION),
    ("integration-settings", broken, ANNA, f"{CONNECTION}/settings"),
    ("history", broken, ANNA, f"{CONNECTION}/history"),
    ("disconnect", broken, ANNA, f"{CONNECTION}/disconnect"),
    ("before-you-go", broken, ANNA, f"{CONNECTION}/reconnect"),
    ("organisation", broken, ANNA, CHOICE),
    ("organisation-mismatch", mismatched, ANNA, CHOICE),
    ("organisation-others", several_others, ANNA, CHOICE),
    ("organisation-many", many, ANNA, CHOICE),
    ("organisation-of-a-change", changing, ANNA, CHOICE),
    ("login-not-back", somebody_else, ANNA, CHOICE),
    ("join-or-take-over", somebody_else, ANNA, f"{CONNECTION}/reconnect"),
    ("send-link", broken, ANNA, f"{CONNECTION}/reconnect/link"),
    ("change", resuming, ANNA, f"{CONNECTION}/change"),
    ("change-to", resuming, ANNA, f"{CONNECTION}/change/quickbooks"),
    ("change-done", changing, ANNA, f"{CONNECTION}/done"),
    ("mobile-settings", broken, ANNA, "/m/settings"),
    ("mobile-settings-of-a-member", broken, BEN, "/m/settings"),
    ("mobile-integrations", broken, ANNA, "/m/settings/integrations"),
    ("mobile-connect", empty, ANNA, "/m/settings/integrations/new/xero"),
    ("mobile-expired", broken, ANNA, f"/m/settings/integrations/{XERO}"),
    ("mobile-connected", resuming, ANNA, f"/m/settings/integrations/{XERO}"),
    ("mobile-organisation", broken, ANNA, f"/m/settings/integrations/{XERO}/organisation?attempt=att_1"),
    ("mobile-mismatch", mismatched, ANNA, f"/m/settings/integrations/{XERO}/organisation?attempt=att_1"),
    ("mobile-denied", denied, ANNA, f"/m/settings/integrations/{XERO}/organisation?attempt=att_1"),
    ("mobile-degraded", degraded, ANNA, f"/m/settings/integrations/{XERO}"),
    ("mobile-paused", paused, ANNA, f"/m/settings/integrations/{XERO}"),
    ("mobile-web-only", for_the_web_only, ANNA, f"/m/settings/integrations/{XERO}"),
    ("mobile-connect-web-only", empty, ANNA, "/m/settings/integrations/new/sage"),
    ("mobile-business", of_two_businesses, ANNA, "/m/business"),
    ("mobile-not-back", somebody_else, ANNA, f"/m/settings/integrations/{XERO}/organisation?attempt=att_1"),
    ("mobile-done", resuming, ANNA, f"/m/settings/integrations/{XERO}/done"),
    ("login-denied", denied, ANNA, CHOICE),
    ("login-lacks-permissions", lacking, ANNA, CHOICE),
    ("connections-paused", paused, ANNA, f"{BASE}/settings/connections"),
    ("manage-paused", paused, ANNA, CONNECTION),
    ("reconnect-paused", paused, ANNA, f"{CONNECTION}/reconnect"),
    ("before-you-go-degraded", degraded, ANNA, f"{CONNECTION}/reconnect"),
    ("done", resuming, ANNA, f"{CONNECTION}/done"),
    ("link-valid", broken, ANNA, "/r/valid"),
    ("link-used", broken, ANNA, "/r/used"),
    ("link-expired", broken, ANNA, "/r/expired"),
    ("link-repaired", broken, ANNA, "/r/repaired"),
    ("link-mismatch", used_at_another_organisation, ANNA, "/r/used"),
    ("nothing-here", broken, ANNA, f"{BASE}/items/itm_nope"),
    ("signed-out", broken, ANNA, "/signed-out"),
    ("providers-button", broken, ANNA, "/connect/xero/disconnected"),
    ("login-of-nobody", broken, ANNA, "/connect/problem?code=foreign_browser"),
]
DEVICES = {"desktop": DESKTOP, "phone": PHONE}
LOOKS = [(device, scheme) for device in DEVICES for scheme in ("light", "dark")]
TOO_SMALL = """least => [...document.querySelectorAll("a[href], button, summary, select, input:not([type=hidden])")]
    .filter(each => each.checkVisibility({visibilityProperty: true}) && !each.closest(".skip-link"))
    .filter(each => !(each.matches("p > a") && each.parentElement.textContent.trim() !== each.textContent.trim()))
    .map(each => each.closest(".choice, .leads, .card-link, .switch") ?? each)
    .filter(each => { const box = each.getBoundingClientRect(); return Math.min(box.width, box.height) < least - 0.5; })
    .map(each => `${each.tagName} ${each.textContent.trim() || each.getAttribute("aria-label")}`)"""
"""Links within a sentence are as high as its line; what covers a whole row or label is as large as that."""
EXPECTED_IN_CONSOLE = "Failed to load resource: the server responded with a status of 4"


@pytest.mark.parametrize(("name", "scene", "user_id", "path"), PAGES, ids=[name for name, *_ in PAGES])
async def test_a_page_is_clean_everywhere(
    served: Served, name: str, scene: Callable[[World], None], user_id: str, path: str
) -> None:
    scene(served.world)
    page = await (await served.visit(user_id)).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    await page.goto(path)
    found = [each for device, scheme in LOOKS for each in await look_at(page, name, device, scheme)]
    assert found + [each for each in said if not each.startswith(EXPECTED_IN_CONSOLE)] == []


async def look_at(page: Page, name: str, device: str, scheme: str) -> list[str]:
    """What is wrong with the page on this device and in this theme, in words."""
    await page.set_viewport_size(DEVICES[device])
    await page.emulate_media(color_scheme=scheme)
    look = f"{name}-{device}-{scheme}"
    await page.screenshot(path=PICTURES / f"{look}.png", full_page=True, animations="disabled")
    result = await Axe().run(page)
    found = [f"{look}: {each['id']} at {each['nodes'][0]['html']}" for each in result.response["violations"]]
    if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append(f"{look}: wider than the screen")
    least = 44 if device == "phone" and name.startswith("mobile") else 24
    found += [f"{look}: {each} is too small a target" for each in await page.evaluate(TOO_SMALL, least)]
    return found
