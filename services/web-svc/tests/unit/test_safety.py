"""What holds for every page: the policy, no foreign addresses, forms of ours only, errors as pages."""

import re

import pytest
from build_web_svc import BEN, XERO, Browser, World, attempt, expired, item, organisation, problem, signed_in
from structlog.testing import capture_logs

from web_svc.domain.people import Membership

BASE = "/b/biz_demo"
CONNECTION = f"{BASE}/settings/connections/{XERO}"
PAGES = [
    f"{BASE}/inbox",
    f"{BASE}/inbox?tab=ready",
    f"{BASE}/inbox?tab=failed",
    f"{BASE}/items/itm_0001",
    f"{BASE}/settings",
    f"{BASE}/settings/connections",
    CONNECTION,
    f"{BASE}/settings/connections/new/xero",
    f"{CONNECTION}/settings",
    f"{CONNECTION}/history",
    f"{CONNECTION}/disconnect",
    f"{CONNECTION}/reconnect",
    f"{CONNECTION}/organisation?attempt=att_1",
    f"{CONNECTION}/done",
    "/m/settings",
    "/m/settings/integrations",
    "/m/settings/integrations/new/xero",
    f"/m/settings/integrations/{XERO}",
    f"/m/settings/integrations/{XERO}/done",
    f"{BASE}/nowhere",
    "/signed-out",
    "/r/valid",
    "/connect/problem?code=state_unknown",
    "/connect/xero/disconnected",
]


def filled(world: World) -> World:
    world.connection_service.connections = {XERO: expired()}
    world.connection_service.attempts = {"att_1": attempt(organisation(), organisation("Other Org Ltd"))}
    world.connection_service.link("valid")
    world.publish_service.items = [item(1), item(2, status="failed", reason="outage"), item(3, status="review")]
    return world


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_keeps_the_policy_and_asks_nothing_of_strangers(world: World, path: str) -> None:
    page = await (await signed_in(filled(world))).open(path)
    policy = page.answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert page.answer.headers["x-content-type-options"] == "nosniff"
    assert page.answer.headers["cache-control"] == "no-store"
    loaded = [each.get("src") or each.get("href") for each in page.soup.select("script, link, img, iframe")]
    assert [address for address in loaded if not address.startswith("/static/")] == []
    assert page.soup.select("style, script:not([src]), [style]") == []
    assert [name for each in page.soup.find_all(True) for name in each.attrs if re.match(r"on[a-z]+$", name)] == []


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_has_one_heading_a_language_and_a_title(world: World, path: str) -> None:
    page = await (await signed_in(filled(world))).open(path)
    assert len(page.soup.select("h1")) == 1
    assert page.soup.html["lang"] == "en"
    assert re.fullmatch(r".+, (biz_demo|Relink)", page.soup.title.text)


@pytest.mark.parametrize("path", PAGES)
async def test_every_form_carries_our_token_and_a_key(world: World, path: str) -> None:
    page = await (await signed_in(filled(world))).open(path)
    for form in page.soup.select("form"):
        names = {each["name"] for each in form.select("input[type=hidden]")}
        assert form["method"] == "post"
        assert {"form_token", "idempotency_key"} <= names


@pytest.mark.parametrize(
    "path",
    [
        f"{BASE}/items/itm_0001/publish",
        f"{BASE}/items/itm_0001/retry",
        f"{BASE}/items/publish",
        f"{BASE}/settings/connections/new/xero",
        f"{CONNECTION}/reconnect",
        f"{CONNECTION}/refresh",
        f"{CONNECTION}/settings/general",
        f"{CONNECTION}/disconnect",
        f"{CONNECTION}/organisation?attempt=att_1",
        f"/m/settings/integrations/{XERO}/reconnect",
        f"/m/settings/integrations/{XERO}/refresh",
        f"/m/settings/integrations/{XERO}/warn-new-supplier",
        "/theme",
        "/sign-out",
    ],
)
async def test_a_form_that_was_not_made_for_this_session_does_nothing(world: World, path: str) -> None:
    browser = await signed_in(filled(world))
    for token in ("", "made-up"):
        sent = await browser.send(path, {"form_token": token, "idempotency_key": "k"})
        assert (sent.status, sent.heading) == (403, "This form is too old")
    services = (world.connection_service, world.publish_service, world.sync_service)
    assert [call for service in services for call in service.calls] == []


async def test_a_form_of_another_session_does_nothing(world: World) -> None:
    page = await (await signed_in(filled(world))).open(f"{BASE}/inbox?tab=ready")
    token = page.form("Publish").select_one("[name=form_token]")["value"]
    bens = await signed_in(world, BEN)
    sent = await bens.send(f"{BASE}/items/itm_0001/publish", {"form_token": token, "idempotency_key": "k"})
    assert (sent.status, world.publish_service.calls) == (403, [])


async def test_a_form_sent_after_the_session_ended_says_so_and_does_nothing(world: World) -> None:
    page = await (await signed_in(filled(world))).open(f"{BASE}/inbox?tab=ready")
    page.browser.http.cookies.clear()
    sent = await page.press("Publish")
    assert (sent.status, sent.heading, world.publish_service.calls) == (401, "Sign in again", [])


@pytest.mark.parametrize(
    "path", [f"{BASE}/inbox", f"{BASE}/settings/connections", CONNECTION, f"{BASE}/events", f"{BASE}/banner"]
)
async def test_another_business_is_not_there(world: World, path: str) -> None:
    world.memberships.remember(Membership("biz_other", "usr_zoe", frozenset({"admin"})), sequence=1)
    page = await (await signed_in(world, "usr_zoe")).open(path)
    assert page.status == 404


async def test_another_businesss_ids_are_not_there_in_ones_own(world: World) -> None:
    world.memberships.remember(Membership("biz_other", "usr_zoe", frozenset({"admin"})), sequence=1)
    browser = await signed_in(filled(world), "usr_zoe")
    for path in (f"/settings/connections/{XERO}", f"/settings/connections/{XERO}/done", "/items/itm_0001"):
        page = await browser.open(f"/b/biz_other{path}")
        assert (page.status, page.heading) == (404, "Nothing here")


async def test_what_a_service_refused_is_told_with_its_correlation_id(world: World) -> None:
    page = await (await signed_in(world)).open(f"{BASE}/items/itm_nope")
    assert page.status == 404
    assert "corr-of-service" in page.text


async def test_a_service_that_does_not_believe_our_token_is_not_the_persons_fault(world: World) -> None:
    world.publish_service.held = problem(401, "unauthenticated")
    page = await (await signed_in(world)).open(f"{BASE}/settings")
    assert (page.status, page.heading) == (503, "Not available just now")


async def test_a_fault_of_ours_is_a_page_with_a_correlation_id_and_no_insides(world: World) -> None:
    browser = await signed_in(world)
    world.memberships.find = lambda *_: 1 / 0  # type: ignore[method-assign]
    with capture_logs() as logged:
        page = await browser.open(f"{BASE}/inbox")
    assert [each["event"] for each in logged] == ["request.failed"]
    assert (page.status, page.heading) == (500, "A fault on our side")
    assert page.answer.headers["x-request-id"] in page.text
    assert "ZeroDivision" not in page.answer.text
    assert "content-security-policy" in page.answer.headers


async def test_a_program_gets_problems_as_problems(world: World) -> None:
    browser = await signed_in(world)
    world.memberships.find = lambda *_: 1 / 0  # type: ignore[method-assign]
    with capture_logs():
        page = await browser.open(f"{BASE}/inbox", Accept="application/json")
    assert page.answer.headers["content-type"] == "application/problem+json"


async def test_the_theme_is_kept_and_known_to_the_first_byte(world: World) -> None:
    page = await (await signed_in(world)).open(f"{BASE}/inbox?tab=ready")
    assert page.soup.html["data-theme"] == "system"
    chosen = await page.press("Dark")
    assert chosen.leads_to == f"{BASE}/inbox?tab=ready"
    again = await page.browser.open(chosen.leads_to)
    assert again.soup.html["data-theme"] == "dark"
    assert again.labels(".segmented [aria-pressed=true]") == ["Dark"]


async def test_a_theme_that_does_not_exist_is_not_kept(world: World) -> None:
    browser = Browser(world, {**(await world.sign_in()), "relink_theme": "neon"})
    page = await browser.open(f"{BASE}/inbox")
    assert page.soup.html["data-theme"] == "system"


async def test_files_are_named_by_their_content_and_may_be_kept(world: World) -> None:
    page = await (await signed_in(world)).open(f"{BASE}/inbox")
    for each in page.soup.select("script[src], link[href]"):
        file = await page.browser.open(each.get("src") or each["href"])
        assert file.status == 200
        assert "immutable" in file.answer.headers["cache-control"]
