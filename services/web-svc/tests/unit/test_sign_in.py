"""Signing in by OpenID Connect, and out again."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from build_web_svc import ANNA, NOW, Browser, PracticeIssuer, Seen, World, signed_in
from joserfc.jwk import ECKey

CALLBACK = "/sign-in/callback"


@pytest.fixture
def issuer(world: World) -> PracticeIssuer:
    issuer = PracticeIssuer(world.issuer)
    world.identity_provider_app = issuer.app()
    return issuer


async def leave(world: World, issuer: PracticeIssuer, return_to: str = "/b/biz_demo/inbox") -> tuple[Browser, str]:
    """Go to the issuer's login; gives the `state` that has to come back."""
    browser = Browser(world)
    left = await browser.open(f"/sign-in?return_to={return_to}")
    query = parse_qs(urlsplit(left.leads_to).query)
    issuer.nonce = query["nonce"][0]
    return browser, query["state"][0]


async def come_back(browser: Browser, state: str, code: str = "good-code") -> Seen:
    return await browser.open(f"{CALLBACK}?state={state}&code={code}")


async def test_a_page_without_a_session_leads_to_the_sign_in_and_back(world: World, issuer: PracticeIssuer) -> None:
    page = await Browser(world).open("/b/biz_demo/inbox?tab=waiting")
    assert page.leads_to == "/sign-in?return_to=%2Fb%2Fbiz_demo%2Finbox%3Ftab%3Dwaiting"


async def test_the_login_asks_for_a_code_with_pkce(world: World, issuer: PracticeIssuer) -> None:
    left = await Browser(world).open("/sign-in")
    query = parse_qs(urlsplit(left.leads_to).query)
    assert left.leads_to.startswith(f"{world.issuer}/authorize?")
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [f"{world.public_url}{CALLBACK}"]
    assert "openid" in query["scope"][0]


async def test_coming_back_with_the_code_signs_in(world: World, issuer: PracticeIssuer) -> None:
    browser, state = await leave(world, issuer, "/b/biz_demo/inbox?tab=failed")
    arrived = await come_back(browser, state)
    assert (arrived.status, arrived.leads_to) == (303, "/b/biz_demo/inbox?tab=failed")
    assert len(issuer.asked[0]["code_verifier"]) >= 43
    page = await browser.open("/b/biz_demo/inbox")
    assert page.labels(".person .name") == ["Anna Berg"]


async def test_a_foreign_address_is_not_returned_to(world: World, issuer: PracticeIssuer) -> None:
    browser, state = await leave(world, issuer, "https://evil.example/b/biz_demo/inbox")
    assert (await come_back(browser, state)).leads_to == "/"


async def test_the_same_return_works_once(world: World, issuer: PracticeIssuer) -> None:
    browser, state = await leave(world, issuer)
    cookies = dict(browser.http.cookies)
    await come_back(browser, state)
    assert (await come_back(Browser(world, cookies), state)).status == 403


async def test_another_browsers_return_signs_nobody_in(world: World, issuer: PracticeIssuer) -> None:
    _, state = await leave(world, issuer)
    other = Browser(world)
    arrived = await come_back(other, state)
    assert (arrived.status, arrived.heading) == (403, "Not signed in")
    assert issuer.asked == []
    assert (await other.open("/")).leads_to.startswith("/sign-in")


async def test_a_return_with_another_state_signs_nobody_in(world: World, issuer: PracticeIssuer) -> None:
    browser, _ = await leave(world, issuer)
    assert (await come_back(browser, "made-up")).status == 403
    assert issuer.asked == []


async def test_a_login_that_takes_too_long_has_to_begin_again(world: World, issuer: PracticeIssuer) -> None:
    browser, state = await leave(world, issuer)
    world.system_clock.advance(timedelta(minutes=10))
    assert (await come_back(browser, state)).status == 403


async def test_a_login_refused_at_the_issuer_signs_nobody_in(world: World, issuer: PracticeIssuer) -> None:
    browser, state = await leave(world, issuer)
    refused = await browser.open(f"{CALLBACK}?state={state}&error=access_denied")
    assert (refused.status, refused.href("Sign in")) == (403, "/sign-in")


async def test_a_code_the_issuer_does_not_know_signs_nobody_in(world: World, issuer: PracticeIssuer) -> None:
    browser, state = await leave(world, issuer)
    assert (await come_back(browser, state, code="bad-code")).status == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://other.test/oidc"},
        {"aud": "another-client"},
        {"nonce": "of-another-login"},
        {"exp": int(NOW.timestamp()) - 10**8},
        {"sub": None},
    ],
)
async def test_an_id_token_for_anything_else_signs_nobody_in(
    world: World, issuer: PracticeIssuer, changes: dict[str, object]
) -> None:
    issuer.changes = changes
    browser, state = await leave(world, issuer)
    assert (await come_back(browser, state)).status == 403


async def test_an_id_token_signed_by_somebody_else_signs_nobody_in(world: World, issuer: PracticeIssuer) -> None:
    issuer.signing_key = ECKey.generate_key("P-256", {"kid": "k1"})
    browser, state = await leave(world, issuer)
    assert (await come_back(browser, state)).status == 403


async def test_somebody_of_no_business_is_told_so(world: World, issuer: PracticeIssuer) -> None:
    issuer.subject = "usr_stranger"
    browser, state = await leave(world, issuer)
    await come_back(browser, state)
    page = await browser.open("/")
    assert (page.status, page.heading) == (403, "No business yet")


async def test_a_session_ends_after_its_time(world: World) -> None:
    browser = await signed_in(world)
    world.system_clock.advance(timedelta(hours=12))
    assert (await browser.open("/b/biz_demo/inbox")).leads_to.startswith("/sign-in")


async def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(world: World) -> None:
    browser = await signed_in(world)
    copied = dict(browser.http.cookies)
    gone = await (await browser.open("/b/biz_demo/inbox")).press("Sign out")
    assert gone.leads_to == "/signed-out"
    assert (await browser.open(gone.leads_to)).heading == "You are signed out"
    assert (await Browser(world, copied).open("/b/biz_demo/inbox")).leads_to.startswith("/sign-in")


async def test_a_right_that_was_taken_away_ends_with_the_next_page(world: World) -> None:
    browser = await signed_in(world)
    world.memberships.forget(f"biz_demo/{ANNA}", sequence=2)
    assert (await browser.open("/b/biz_demo/inbox")).status == 404


async def test_over_https_cookies_are_bound_to_the_host_and_on_http_they_have_plain_names(
    issuer: PracticeIssuer,
) -> None:
    for public_url, name, is_secure in (
        ("https://relink.example", "__Host-relink_sign_in", True),
        ("http://localhost:8000", "relink_sign_in", False),
    ):
        world = World(public_url=public_url, identity_provider_app=issuer.app())
        cookie = (await Browser(world).open("/sign-in")).answer.headers["set-cookie"]
        assert cookie.startswith(f"{name}=")
        assert ("Secure" in cookie) is is_secure
        assert all(part in cookie for part in ("HttpOnly", "Path=/", "SameSite=lax"))
