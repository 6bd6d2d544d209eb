"""Change connection: the old one works until the new one is confirmed."""

import pytest
from build_web_svc import SUCCESSOR, XERO, World, attempt, connection, organisation, signed_in

MANAGE = f"/b/biz_demo/settings/connections/{XERO}"
NEXT = f"/b/biz_demo/settings/connections/{SUCCESSOR}"


async def test_the_path_has_the_words_people_were_told(world: World) -> None:
    manage = await (await signed_in(world)).open(MANAGE)
    change = await manage.follow("Change connection")
    assert change.heading == "Change connection"
    assert "Xero keeps working for Demo Trading Ltd until the new connection is confirmed." in change.text
    assert "Your 7 rules are kept. They pause until you match them to the new lists." in change.text
    assert change.labels("[aria-current=step]") == ["1 Choose software"]
    summary = await change.browser.open(f"{MANAGE}/change/quickbooks")
    assert summary.heading == "Change to QuickBooks Online"
    leaving = await summary.press("Connect software")
    assert leaving.heading == "Opening QuickBooks Online…"
    body = world.connection_service.calls[0].body
    assert (body["provider"], body["intent"], body["connection_id"]) == ("quickbooks", "change", XERO)
    assert body["return_to"] == f"http://localhost:8000{MANAGE}/organisation"


async def test_another_organisation_of_the_same_software_can_be_chosen_too(world: World) -> None:
    page = await (await signed_in(world)).open(f"{MANAGE}/change")
    assert page.labels(".list p")[:2] == ["Another organisation of the same software", "Instead of Xero"]


async def test_the_organisation_of_a_change_is_the_persons_choice_and_leads_to_the_new_connection(world: World) -> None:
    other = organisation("Other Org Ltd")
    world.connection_service.attempts = {"att_1": attempt(other, intent="change", provider="quickbooks")}
    choice = await (await signed_in(world)).open(f"{MANAGE}/organisation?attempt=att_1")
    assert choice.labels("[aria-current=step]") == ["3 Organisation"]
    assert "That is a different organisation" not in choice.text
    sent = await choice.press("Next", organisation_id="org-otherorgltd")
    assert sent.leads_to == f"{NEXT}/done"
    again = await choice.browser.open(f"{MANAGE}/organisation?attempt=att_1")
    assert again.leads_to == f"{NEXT}/done"


async def test_a_change_is_confirmed_with_what_is_still_to_do(world: World) -> None:
    world.connection_service.connections[SUCCESSOR] = connection(
        connection_id=SUCCESSOR, provider="quickbooks", replaces_connection_id=XERO
    )
    page = await (await signed_in(world)).open(f"{NEXT}/done")
    assert page.heading == "Connected to Demo Trading Ltd"
    [rules] = [each for each in page.labels(".checks li") if "7 rules pause" in each]
    assert "Lists cannot be merged here yet. Nothing is lost until they can." in rules
    assert page.href("Finish and merge later") == NEXT


async def test_giving_up_leads_back_to_the_old_connection(world: World) -> None:
    world.connection_service.attempts = {"att_1": attempt(organisation("Other Org Ltd"), intent="change")}
    choice = await (await signed_in(world)).open(f"{MANAGE}/organisation?attempt=att_1")
    assert (await choice.press("Cancel")).leads_to == MANAGE


async def test_a_login_that_failed_begins_again_at_the_summary(world: World) -> None:
    failed = attempt(intent="change", provider="quickbooks", state="failed", problem="denied")
    world.connection_service.attempts = {"att_1": failed}
    page = await (await signed_in(world)).open(f"{MANAGE}/organisation?attempt=att_1")
    assert page.href("Try again") == f"{MANAGE}/change/quickbooks"


@pytest.mark.parametrize("lifecycle", ["disconnected", "replaced", "pending"])
async def test_what_was_never_connected_or_has_ended_cannot_be_changed(world: World, lifecycle: str) -> None:
    world.connection_service.connections = {XERO: connection(lifecycle=lifecycle)}
    page = await (await signed_in(world)).open(f"{MANAGE}/change")
    assert page.leads_to == MANAGE


async def test_unknown_software_has_no_page(world: World) -> None:
    page = await (await signed_in(world)).open(f"{MANAGE}/change/abacus")
    assert (page.status, page.heading) == (404, "Nothing here")
