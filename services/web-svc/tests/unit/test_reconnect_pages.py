"""Before you go, back with an organisation, and the confirmation."""

from datetime import timedelta

import pytest
from build_web_svc import (
    ANNA,
    CARLA,
    NOW,
    SUCCESSOR,
    XERO,
    Seen,
    World,
    attempt,
    connection,
    expired,
    organisation,
    release,
    signed_in,
)

BASE = f"/b/biz_demo/settings/connections/{XERO}"
CHOICE = f"{BASE}/organisation?attempt=att_1"


def came_back(world: World, *organisations: dict[str, object], **changes: object) -> None:
    world.connection_service.connections = {XERO: expired()}
    world.connection_service.attempts = {"att_1": attempt(*organisations, **changes)}


async def test_before_you_go_promises_what_stays(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    page = await (await signed_in(world)).open(f"{BASE}/reconnect")
    assert "Your settings and automation rules stay exactly as they are." in page.text
    assert "If Demo Trading Ltd looks greyed out in Xero, it is already shared." in page.text
    assert page.href("Cancel") == BASE
    leaving = await page.press("Continue to Xero")
    assert leaving.heading == "Opening Xero…"
    call = world.connection_service.calls[0]
    assert call.body["return_to"] == f"http://localhost:8000{BASE}/organisation"
    assert (call.body["intent"], call.body["connection_id"], call.by.role) == ("reconnect", XERO, "admin")
    assert call.body["browser_binding"] == leaving.binding.fingerprint


async def test_pressing_twice_asks_for_the_same_login_twice(world: World) -> None:
    before = await (await signed_in(world)).open(f"{BASE}/reconnect")
    for _ in range(2):
        await before.press("Continue to Xero")
    first, second = world.connection_service.calls
    assert (second.key, second.body) == (first.key, first.body)


async def test_the_cookie_of_a_login_is_for_connection_svc_and_ends_with_the_attempt(world: World) -> None:
    leaving = await (await (await signed_in(world)).open(f"{BASE}/reconnect")).press("Continue to Xero")
    assert leaving.binding.rules == {"HttpOnly", "Max-Age=1800", "Path=/oauth", "SameSite=lax"}


async def test_where_pages_are_secure_so_is_the_cookie_of_a_login() -> None:
    world = World(public_url="https://relink.test")
    leaving = await (await (await signed_in(world)).open(f"{BASE}/reconnect")).press("Continue to Xero")
    assert "Secure" in leaving.binding.rules


async def test_what_one_browser_leaves_with_is_not_anothers(world: World) -> None:
    bindings = set()
    for user_id in (ANNA, CARLA):
        before = await (await signed_in(world, user_id)).open(f"{BASE}/reconnect")
        bindings.add((await before.press("Continue to Xero")).binding.value)
    assert len(bindings) == 2


async def test_who_came_from_the_inbox_goes_back_there(world: World) -> None:
    came_back(world, organisation())
    before = await (await signed_in(world)).open(f"{BASE}/reconnect?from=inbox")
    await before.press("Continue to Xero")
    assert world.connection_service.calls[0].body["return_to"].endswith("/organisation?from=inbox")
    choice = await before.browser.open(f"{BASE}/organisation?from=inbox&attempt=att_1")
    done = await before.browser.open((await choice.press("Next")).leads_to)
    assert done.href("Finish") == "/b/biz_demo/inbox"


async def test_a_made_up_origin_is_not_carried_along(world: World) -> None:
    world.connection_service.connections = {XERO: expired()}
    before = await (await signed_in(world)).open(f"{BASE}/reconnect?from=https://evil.example")
    await before.press("Continue to Xero")
    assert world.connection_service.calls[0].body["return_to"].endswith("/organisation")


async def test_the_expected_organisation_is_chosen_already(world: World) -> None:
    came_back(world, organisation(), organisation("Other Org Ltd"))
    page = await (await signed_in(world)).open(CHOICE)
    assert page.heading == "Choose an organisation"
    assert [each["value"] for each in page.soup.select("input[checked]")] == ["org-demotradingltd"]
    assert "Demo Trading Ltd GB, GBP …ingltd Currently connected" in page.text


async def test_next_confirms_the_organisation_and_leads_to_the_confirmation(world: World) -> None:
    came_back(world, organisation())
    sent = await (await (await signed_in(world)).open(CHOICE)).press("Next")
    assert (sent.status, sent.leads_to) == (303, f"{BASE}/done")
    assert world.connection_service.calls[0].body == {"organisation_id": "org-demotradingltd", "switch": False}


async def test_a_first_connect_learns_its_connection_from_the_attempt(world: World) -> None:
    world.connection_service.attempts = {"att_1": attempt(organisation(expected=False), intent="connect")}
    browser = await signed_in(world)
    page = await browser.open("/b/biz_demo/settings/connections/new/organisation?attempt=att_1")
    assert [each["value"] for each in page.soup.select("input[checked]")] == ["org-demotradingltd"]
    assert (await page.press("Next")).leads_to == f"{BASE}/done"


async def test_a_first_connect_among_several_is_the_persons_choice(world: World) -> None:
    came_back(world, organisation(expected=False), organisation("Other Org Ltd"), intent="connect")
    page = await (await signed_in(world)).open(CHOICE)
    assert page.soup.select("input[checked]") == []


@pytest.mark.parametrize(
    ("taken_by", "words"),
    [
        ("another_business", "Other Org Ltd is already connected to another account here (…8f3a)."),
        ("this_business", "Other Org Ltd is already connected here, by another connection of your business."),
        ("this_connection", "Other Org Ltd is the organisation that you have now."),
    ],
)
async def test_an_organisation_in_use_elsewhere_cannot_be_chosen_and_says_why(
    world: World, taken_by: str, words: str
) -> None:
    other = organisation("Other Org Ltd", taken=True, taken_by=taken_by, owner_masked="…8f3a")
    came_back(world, organisation(), other)
    page = await (await signed_in(world)).open(CHOICE)
    assert [each["value"] for each in page.soup.select("input[disabled]")] == ["org-otherorgltd"]
    assert words in page.text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("organisation_taken", "Other Org Ltd is already connected to another account here"),
        ("organisation_connected_here", "Other Org Ltd is already connected here"),
        ("organisation_unchanged", "Other Org Ltd is the organisation that you have now."),
    ],
)
async def test_a_choice_that_somebody_else_made_meanwhile_is_told_on_the_same_page(
    world: World, code: str, words: str
) -> None:
    came_back(world, organisation(expected=False), organisation("Other Org Ltd"), intent="connect")
    world.connection_service.refuses_choice = code
    page = await (await signed_in(world)).open(CHOICE)
    refused = await page.press("Next", organisation_id="org-otherorgltd")
    assert refused.status == 409
    assert words in refused.soup.select_one("[role=alert]").text


async def test_a_choice_after_the_time_was_over_leads_to_the_page_that_says_so(world: World) -> None:
    came_back(world, organisation())
    world.connection_service.refuses_choice = "attempt_over"
    sent = await (await (await signed_in(world)).open(CHOICE)).press("Next")
    assert (sent.status, sent.leads_to.removeprefix("http://localhost:8000")) == (303, CHOICE)


async def test_many_organisations_can_be_searched(world: World) -> None:
    came_back(world, organisation(), *(organisation(f"Client {n} Ltd") for n in range(1, 12)))
    browser = await signed_in(world)
    page = await browser.open(CHOICE)
    assert page.soup.select_one("form[role=search] [name=attempt]")["value"] == "att_1"
    found = await browser.open(f"{CHOICE}&q=client+1")
    assert [each.strip() for each in found.labels(".choice strong")] == [
        "Client 1 Ltd",
        "Client 10 Ltd",
        "Client 11 Ltd",
    ]
    nothing = await browser.open(f"{CHOICE}&q=zebra")
    assert "None of the 12 organisations has “zebra” in its name." in nothing.text


async def test_a_few_organisations_need_no_search(world: World) -> None:
    came_back(world, organisation(), organisation("Other Org Ltd"))
    page = await (await signed_in(world)).open(CHOICE)
    assert page.soup.select("form[role=search]") == []


async def test_cancel_gives_the_login_up_and_leads_back(world: World) -> None:
    came_back(world, organisation())
    sent = await (await (await signed_in(world)).open(CHOICE)).press("Cancel")
    assert sent.leads_to == BASE
    assert world.connection_service.attempts["att_1"]["state"] == "cancelled"


async def test_cancelling_what_has_ended_already_leads_back_all_the_same(world: World) -> None:
    came_back(world, organisation())
    page = await (await signed_in(world)).open(CHOICE)
    world.connection_service.attempts["att_1"]["state"] = "timed_out"
    assert (await page.press("Cancel")).leads_to == BASE


async def test_a_login_that_brought_another_organisation_activates_nothing(world: World) -> None:
    came_back(world, organisation("Other Org Ltd"))
    page = await (await signed_in(world)).open(CHOICE)
    assert "This connection belongs to Demo Trading Ltd . You logged in to Other Org Ltd ." in page.text
    assert "Next" not in page.labels("button")
    assert world.connection_service.calls == []


async def test_from_there_one_press_leads_to_the_login_again(world: World) -> None:
    came_back(world, organisation("Other Org Ltd"))
    leaving = await (await (await signed_in(world)).open(CHOICE)).press("Log in to Demo Trading Ltd")
    assert leaving.heading == "Opening Xero…"
    assert world.connection_service.calls[0].body["intent"] == "reconnect"


async def test_or_to_the_other_organisation_for_good(world: World) -> None:
    came_back(world, organisation("Other Org Ltd"))
    page = await (await signed_in(world)).open(CHOICE)
    sent = await page.press("Switch to Other Org Ltd and merge lists")
    assert world.connection_service.calls[0].body == {"organisation_id": "org-otherorgltd", "switch": True}
    assert sent.leads_to == f"/b/biz_demo/settings/connections/{SUCCESSOR}/done"


async def test_or_back_with_nothing_changed(world: World) -> None:
    came_back(world, organisation("Other Org Ltd"))
    assert (await (await (await signed_in(world)).open(CHOICE)).press("Cancel")).leads_to == BASE


async def test_an_organisation_of_somebody_else_is_not_offered_to_switch_to(world: World) -> None:
    came_back(world, organisation("Other Org Ltd", taken=True, taken_by="another_business", owner_masked="…8f3a"))
    page = await (await signed_in(world)).open(CHOICE)
    assert "Switch to Other Org Ltd and merge lists" not in page.labels("button")
    assert "already connected to another account here" in page.text


async def test_among_several_others_the_person_chooses_where_to_switch_to(world: World) -> None:
    came_back(world, organisation("Other Org Ltd"), organisation("Third Org Ltd"))
    page = await (await signed_in(world)).open(CHOICE)
    assert "You logged in to Other Org Ltd, Third Org Ltd ." in page.text
    sent = await page.press("Switch to this organisation and merge lists", organisation_id="org-thirdorgltd")
    assert world.connection_service.calls[0].body == {"organisation_id": "org-thirdorgltd", "switch": True}
    assert sent.status == 303


async def test_choosing_another_organisation_than_the_connections_is_refused_in_words(world: World) -> None:
    came_back(world, organisation(), organisation("Other Org Ltd"))
    page = await (await signed_in(world)).open(CHOICE)
    refused = await page.press("Next", organisation_id="org-otherorgltd")
    assert refused.status == 409
    assert "That is a different organisation" in refused.text
    assert "Switch to Other Org Ltd and merge lists" in refused.labels("button")
    assert world.connection_service.attempts["att_1"]["state"] == "returned"


async def test_a_login_without_any_organisation_says_which_role_is_needed(world: World) -> None:
    came_back(world)
    page = await (await signed_in(world)).open(CHOICE)
    assert "This Xero login has no organisation you can connect." in page.text
    assert page.href("Try again") == f"{BASE}/reconnect"


async def test_a_login_that_is_not_back_yet_can_be_looked_at_again_or_begun_anew(world: World) -> None:
    came_back(world, state="started")
    page = await (await signed_in(world)).open(CHOICE)
    assert page.heading == "Not back from Xero yet"
    assert "You left for Xero 2 minutes ago. Did you finish in Xero?" in page.text
    assert page.href("Check again") == CHOICE
    assert page.href("Start again") == f"{BASE}/reconnect"


async def test_while_somebody_else_is_on_the_way_one_joins_or_takes_over(world: World) -> None:
    came_back(world, organisation(), started_by=CARLA)
    page = await (await signed_in(world)).open(f"{BASE}/reconnect")
    assert page.heading == "Carla Reyes is reconnecting Xero"
    assert "Carla Reyes began this 2 minutes ago." in page.text
    assert page.href("Join") == CHOICE
    leaving = await page.press("Take over")
    assert leaving.heading == "Opening Xero…"
    assert world.connection_service.calls[0].body["take_over"] is True


async def test_a_login_through_a_link_can_be_joined_or_taken_over_though_nobody_knows_whose_it_is(world: World) -> None:
    came_back(world, state="started", started_by="reconnect-link", channel="link")
    page = await (await signed_in(world)).open(f"{BASE}/reconnect")
    assert page.heading == "Somebody is reconnecting Xero through a link"
    assert "They began this 2 minutes ago." in page.text
    joined = await page.follow("Join")
    assert "Somebody left for Xero through a reconnect link 2 minutes ago and is not back yet." in joined.text
    assert "reconnect-link" not in joined.text
    assert (await page.press("Take over")).heading == "Opening Xero…"


async def test_who_joins_chooses_the_organisation_of_the_others_login(world: World) -> None:
    came_back(world, organisation(), started_by=CARLA)
    page = await (await signed_in(world)).open(f"{BASE}/reconnect")
    assert (await (await page.follow("Join")).press("Next")).leads_to == f"{BASE}/done"


async def test_a_login_that_begins_at_the_same_moment_asks_too(world: World) -> None:
    came_back(world)
    world.connection_service.attempts = {}
    before = await (await signed_in(world)).open(f"{BASE}/reconnect")
    world.connection_service.attempts = {"att_9": attempt(state="started", attempt_id="att_9", started_by=CARLA)}
    asked = await before.press("Continue to Xero")
    assert (asked.status, asked.heading) == (409, "Carla Reyes is reconnecting Xero")
    assert (await asked.press("Take over")).heading == "Opening Xero…"


async def test_ones_own_login_in_another_tab_is_in_nobodys_way(world: World) -> None:
    came_back(world, state="started")
    before = await (await signed_in(world)).open(f"{BASE}/reconnect")
    assert before.heading == "Reconnect to Demo Trading Ltd"


async def test_the_page_opened_again_after_it_worked_leads_to_the_confirmation(world: World) -> None:
    came_back(world, state="activated")
    assert (await (await signed_in(world)).open(CHOICE)).leads_to == f"{BASE}/done"


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ("failed", "denied", "Access was not granted. Nothing has changed."),
        ("failed", "no_code", "Xero sent you back without an answer."),
        ("failed", "state_unknown", "This page was opened from an old or copied link."),
        ("failed", "state_used", "This answer of Xero was used already"),
        ("failed", "foreign_browser", "This login was started in another browser"),
        ("failed", "issuer_mismatch", "The answer did not come from Xero"),
        ("failed", "provider_error", "Xero could not complete the login just now. Your connection is unchanged."),
        ("failed", "scope_missing", "Xero did not grant everything we need."),
        ("failed", "no_organisation", "This Xero login has no organisation you can connect."),
        ("failed", "organisation_mismatch", "You logged in to another organisation than the one this link is for."),
        ("failed", "connection_ended", "The connection was disconnected or replaced while you were at the login."),
        ("cancelled", "taken_over", "Another administrator began this login again"),
        ("cancelled", None, "This login was cancelled. Nothing has changed."),
        ("timed_out", "timed_out", "The login took too long and was cancelled"),
        ("timed_out", None, "The login took too long and was cancelled"),
        ("failed", "a_code_of_next_year", "Xero could not complete the login just now."),
    ],
)
async def test_a_login_that_did_not_work_says_why_and_where_to_start_again(
    world: World, state: str, code: str | None, words: str
) -> None:
    came_back(world, state=state, problem=code)
    page = await (await signed_in(world)).open(CHOICE)
    assert page.heading == "The login did not work"
    assert words in page.text
    assert page.href("Try again") == f"{BASE}/reconnect"
    assert page.answer.headers["x-request-id"] in page.text


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (["bills"], "(bills and receipts)"),
        (["contacts", "attachments"], "(suppliers and customers and attached documents)"),
        (["a_permission_of_next_year"], "(accounting data)"),
    ],
)
async def test_a_login_that_lacks_permissions_names_them_in_plain_words(
    world: World, missing: list[str], words: str
) -> None:
    came_back(world, state="failed", problem="scope_missing", missing_permissions=missing)
    page = await (await signed_in(world)).open(CHOICE)
    assert f"Xero did not grant everything we need {words}. Without it we cannot publish your items." in page.text


async def test_details_for_support_are_the_code_the_time_and_the_correlation_id(world: World) -> None:
    came_back(world, state="failed", problem="denied")
    page = await (await signed_in(world)).open(CHOICE)
    assert page.labels("details.support dt") == ["Code", "Time", "Correlation id"]
    assert page.labels("details.support dd")[:2] == ["denied", "20 Nov 2026, 09:30 UTC"]


async def test_the_page_that_leads_away_says_what_to_do_when_nothing_happens_and_where_to_look_after(
    world: World,
) -> None:
    leaving = await (await (await signed_in(world)).open(f"{BASE}/reconnect")).press("Continue to Xero")
    assert "Your browser may have held the page back: press the button." in leaving.text
    assert leaving.href("Continue to Xero") == world.connection_service.start_url
    assert "Did you finish in Xero?" in leaving.text
    assert leaving.href("Check again") == f"http://localhost:8000{CHOICE}"


async def seen(world: World, state: str) -> Seen:
    """What an open page is told that shows the journey in this state."""
    return await (await signed_in(world)).open(f"{CHOICE}&seen={state}", **{"HX-Request": "true"})


async def test_a_page_that_waits_for_the_login_is_told_nothing_until_it_is_back_and_then_leads_on(world: World) -> None:
    came_back(world, state="started")
    assert (await seen(world, "started")).status == 204
    world.connection_service.attempts["att_1"]["state"] = "returned"
    back = await seen(world, "started")
    assert back.answer.headers["HX-Redirect"] == CHOICE


async def test_how_long_the_choice_may_take_is_said_and_it_can_be_started_again(world: World) -> None:
    came_back(world, organisation())
    page = await (await signed_in(world)).open(CHOICE)
    assert "Choose before 20 Nov 2026, 10:00 UTC." in page.text
    assert page.href("Start again") == f"{BASE}/reconnect"
    [clock] = page.soup.select("[hx-target='[role=status]']")
    assert (clock["hx-trigger"], clock["hx-get"]) == ("load delay:1500s", f"{CHOICE}&seen=returned")


async def test_five_minutes_before_the_end_an_open_page_says_so_and_at_the_end_it_leads_to_why(world: World) -> None:
    came_back(world, organisation(), expires_at=(NOW + timedelta(minutes=5)).isoformat())
    warning = await seen(world, "returned")
    assert "Less than 5 minutes are left to choose." in warning.soup.text
    assert warning.href("Start again") == f"{BASE}/reconnect"
    assert warning.soup.select_one("[hx-get]")["hx-trigger"] == "load delay:301s"
    world.connection_service.attempts["att_1"]["state"] = "timed_out"
    assert (await seen(world, "returned")).answer.headers["HX-Redirect"] == CHOICE


def reconnected(world: World) -> None:
    began, ends = NOW - timedelta(minutes=1), NOW + timedelta(days=365)
    works = connection(generation=2, connected_at=began.isoformat(), consent_expires_at=ends.isoformat())
    world.connection_service.connections = {XERO: works}


async def test_the_confirmation_says_what_was_kept_and_when_the_next_login_is_due(world: World) -> None:
    reconnected(world)
    page = await (await signed_in(world)).open(f"{BASE}/done")
    assert page.heading == "Connected to Demo Trading Ltd"
    assert "Next reconnection due 20 November 2027." in page.text
    assert page.labels(".checks li") == ["Settings kept", "7 rules kept", "Lists updating…"]
    assert page.href("Finish") == BASE


async def test_the_confirmation_of_a_first_connection_speaks_of_nothing_that_was_kept(world: World) -> None:
    reconnected(world)
    world.connection_service.connections[XERO]["generation"] = 1
    world.list_service.rules = 0
    page = await (await signed_in(world)).open(f"{BASE}/done")
    assert page.labels(".checks li") == ["Lists updating…"]


async def test_lists_read_after_the_login_are_told_as_updated(world: World) -> None:
    reconnected(world)
    world.sync_service.status["completed_at"] = NOW.isoformat()
    page = await (await signed_in(world)).open(f"{BASE}/done")
    assert "Lists updated" in page.labels(".checks li")


async def test_lists_that_could_not_be_read_are_told_without_alarm_and_can_be_tried_now(world: World) -> None:
    reconnected(world)
    world.sync_service.status |= {"latest_run": {"code": "provider_unavailable"}, "next_due_at": NOW.isoformat()}
    page = await (await signed_in(world)).open(f"{BASE}/done")
    words = "Connected. Lists could not be updated yet, we will retry at 20 Nov 2026, 09:30 UTC."
    assert f"{words} Try now" in page.labels(".checks li")
    assert (await page.press("Try now")).leads_to == f"{BASE}/done"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Publishing 3 of 12 waiting items…"),
        ({"published": 12}, "All 12 waiting items are published."),
        ({"total": 1, "published": 1}, "The waiting item is published."),
        (
            {"published": 10, "failed": 2},
            "10 published, 2 need your attention. See items that still need attention (2)",
        ),
    ],
)
async def test_the_live_line_tells_how_far_the_waiting_items_are(
    world: World, changes: dict[str, int], words: str
) -> None:
    reconnected(world)
    world.publish_service.held = {"waiting": 9, "release": release(**changes)}
    page = await (await signed_in(world)).open(f"{BASE}/done?part=progress")
    assert page.labels(".resume") == [words]


async def test_before_the_release_begins_all_that_waits_is_counted(world: World) -> None:
    reconnected(world)
    last_year = (NOW - timedelta(days=365)).isoformat()
    world.publish_service.held = {"waiting": 40, "release": release(started_at=last_year)}
    page = await (await signed_in(world)).open(f"{BASE}/done")
    assert page.labels(".resume") == ["Publishing 0 of 40 waiting items…"]


async def test_where_nothing_waited_there_is_no_live_line(world: World) -> None:
    reconnected(world)
    page = await (await signed_in(world)).open(f"{BASE}/done")
    assert page.labels(".resume") == []
