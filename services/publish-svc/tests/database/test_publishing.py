"""One worker, one lane: what becomes of items, and of the bills at the provider.

What this cannot catch: a provider that behaves unlike the fake. The adapters' own suite is for that.
"""

from dataclasses import replace
from datetime import timedelta

from build_publish_svc import (
    BILL,
    LOST,
    NOON,
    PROCESSING,
    After,
    FakeTokens,
    World,
    a_connection,
    a_queued_item,
    a_token,
)

from providers.errors import OrganisationGone, Problem, ProviderUnavailable, Refused, Throttled, TokenRejected
from providers.permits import Leased
from publish_svc.clients import BeingChecked, ConnectionsUnavailable, NotUsable, TokenAnswer
from publish_svc.documents import DocumentRefused, DocumentUnavailable
from publish_svc.domain.connections import Gate

LOCKED = Refused(Problem("period_locked", "date", "The period is locked."))


async def test_items_are_published_in_the_order_they_were_asked_for(world: World) -> None:
    _, ids = await world.lane(5)

    await world.run()

    assert world.provider.numbers == [f"INV-{number}" for number in range(1, 6)]
    assert await world.statuses(ids) == ["published"] * 5
    assert [event["what"] for event in await world.said()] == ["item.published"] * 5
    assert [world.provider.files[one.reference] for one in world.provider.bills] == [["1.pdf"]] * 5


async def test_a_published_item_says_where_it_is(world: World) -> None:
    _, [item_id] = await world.lane(1)

    await world.run()

    [said] = await world.said(item_id)
    assert said["organisation_id"] == "org-1"
    assert said["provider_reference"] == "INV1"
    assert said["status"] == "published"
    assert said["attempt"] == 1


async def test_our_reference_is_in_the_bill(world: World) -> None:
    _, [item_id] = await world.lane(1)

    await world.run()

    assert world.provider.bills[0].bill.reference == f"{item_id}/1"


async def test_a_supplier_without_an_id_is_made_sure_of_first(world: World) -> None:
    await world.store(a_connection(), a_queued_item(bill=replace(BILL, supplier_id=None)))

    await world.run()

    assert world.provider.calls == ["ensure_supplier", "create_bill", "attach"]
    assert world.provider.bills[0].bill.supplier_id == "supplier-0"


async def test_a_refused_item_fails_with_its_class_and_the_lane_goes_on(world: World) -> None:
    _, [first, second] = await world.lane(2)
    world.provider.tell("create_bill", LOCKED)

    await world.run()

    assert await world.statuses([first, second]) == ["failed", "published"]
    [said] = await world.said(first)
    assert (said["what"], said["class"], said["code"], said["field"]) == (
        "item.publish-failed",
        "period",
        "period_locked",
        "/date",
    )
    assert said["provider_message"] == "The period is locked."


async def test_a_refused_item_is_tried_again_under_a_new_key(world: World) -> None:
    _, [item_id] = await world.lane(1)
    world.provider.tell("create_bill", After(LOCKED))
    await world.run()
    refused_key = world.provider.bills.pop().key
    await world.ask_again(item_id)

    await world.run()

    assert world.provider.bills[0].key != refused_key
    assert await world.statuses([item_id]) == ["published"]


async def test_a_throttled_lane_waits_as_long_as_it_is_asked_and_shows_no_failure(world: World) -> None:
    _, ids = await world.lane(2)
    world.provider.tell("create_bill", Throttled(timedelta(seconds=40)))

    await world.run()
    assert await world.statuses(ids) == ["queued", "queued"]
    assert await world.said() == []

    world.pass_time(timedelta(seconds=39))
    await world.run()
    assert world.provider.bills == []

    world.pass_time(timedelta(seconds=1))
    await world.run()
    assert world.provider.numbers == ["INV-1", "INV-2"]


async def test_a_throttle_is_told_to_everybody_who_calls_for_the_organisation(world: World) -> None:
    await world.lane(1)
    world.provider.tell("create_bill", Throttled(timedelta(seconds=40)))

    await world.run()

    assert world.tokens.throttles == [timedelta(seconds=40)]


async def test_a_lane_without_a_permit_waits_and_the_provider_is_not_asked(world: World) -> None:
    _, ids = await world.lane(1)
    world.tokens.permits = [Leased(0, timedelta(seconds=7), timedelta(0))]

    await world.run()
    assert await world.statuses(ids) == ["queued"]
    assert (world.provider.bills, world.tokens.throttles) == ([], [])

    world.pass_time(timedelta(seconds=7))
    await world.run()
    assert await world.statuses(ids) == ["published"]


async def test_an_outage_is_told_retried_with_growing_pauses_and_then_held(world: World) -> None:
    connection, [first, second] = await world.lane(2)
    world.provider.tell("create_bill", *[ProviderUnavailable("server_error")] * 3)

    await world.run()
    assert (await world.item(first)).not_before == NOON + timedelta(seconds=2)
    world.pass_time(timedelta(seconds=2))
    await world.run()
    assert (await world.item(first)).not_before == NOON + timedelta(seconds=6)
    world.pass_time(timedelta(seconds=4))
    await world.run()

    assert await world.statuses([first, second]) == ["held", "held"]
    said = await world.said(first)
    assert [event["what"] for event in said] == ["item.publish-failed"] * 3 + ["item.held"]
    assert {event["class"] for event in said[:3]} == {"outage"}
    assert said[0]["status"] == "queued"
    assert said[0]["next_attempt_at"] == "2026-11-02T12:00:02Z"
    assert said[3]["reason"] == "provider_degraded"
    assert (await world.connection(connection.id)).gate_until == world.wall.now() + timedelta(seconds=60)


async def test_after_an_outage_one_item_is_tried_and_then_the_rest_in_order(world: World) -> None:
    connection, ids = await world.lane(3)
    await world.change(connection.id, lambda it: replace(it, outages_in_row=2))
    world.provider.tell("create_bill", *[ProviderUnavailable("server_error")] * 2)
    await world.run()
    world.pass_time(timedelta(seconds=60))
    await world.run()
    assert await world.statuses(ids) == ["held"] * 3

    world.pass_time(timedelta(seconds=60))
    await world.run()

    assert world.provider.numbers == ["INV-1", "INV-2", "INV-3"]
    releases = [event for event in await world.said() if event["what"].startswith("release.")]
    assert [(event["what"], event.get("trigger"), event.get("published")) for event in releases] == [
        ("release.started", "provider_recovered", None),
        ("release.finished", None, 2),
    ]


async def test_a_rejected_token_is_reported_and_the_newer_one_used_at_once(world: World) -> None:
    _, [item_id] = await world.lane(1)
    world.provider.tell("create_bill", TokenRejected("401"))

    await world.run()

    assert world.tokens.reports == ["token_rejected"]
    assert await world.statuses([item_id]) == ["published"]
    assert [event["what"] for event in await world.said()] == ["item.published"]


async def test_an_endless_series_of_rejected_tokens_ends_in_a_hold(world: World) -> None:
    _, [item_id] = await world.lane(1)
    world.provider.tell("create_bill", *[TokenRejected("401")] * 10)

    await world.run()

    item = await world.item(item_id)
    assert (item.status, item.reason) == ("held", "connection_checking")
    assert world.provider.calls.count("create_bill") == 4


async def test_an_organisation_that_is_gone_is_reported_and_held_while_it_is_checked(world: World) -> None:
    _, ids = await world.lane(2)
    world.provider.tell("create_bill", OrganisationGone("org-1"))
    world.tokens.answer_to_report = BeingChecked(timedelta(seconds=20))

    await world.run()

    assert world.tokens.reports == ["organisation_gone"]
    assert [(await world.item(item_id)).reason for item_id in ids] == ["connection_checking"] * 2

    world.tokens.answer = a_token()
    world.pass_time(timedelta(seconds=20))
    await world.run()
    assert world.provider.numbers == ["INV-1", "INV-2"]


async def test_when_the_connection_turns_out_expired_the_first_item_says_so_and_all_wait(world: World) -> None:
    connection, [first, *others] = await world.lane(3)
    world.tokens.answer = NotUsable("grant_revoked")

    await world.run()

    assert await world.statuses([first, *others]) == ["held"] * 3
    said = await world.said()
    assert [(event["what"], event["item_id"] == first) for event in said] == [
        ("item.publish-failed", True),
        ("item.held", True),
        ("item.held", False),
        ("item.held", False),
    ]
    assert (said[0]["code"], said[0]["class"], said[0]["status"]) == ("connection_expired", "connection", "failed")
    assert {event["reason"] for event in said} == {"connection_expired"}
    assert (await world.connection(connection.id)).gate is Gate.CLOSED
    assert world.provider.calls == []


async def test_a_token_answer_about_an_earlier_consent_closes_nothing(world: World) -> None:
    connection, [item_id] = await world.lane(1)

    class ReconnectedMeanwhile(FakeTokens):
        async def get(self, connection_id: str, business_id: str) -> TokenAnswer:
            known = await world.connection(connection.id)
            if known.generation == 2:
                return a_token()
            await world.change(connection.id, lambda it: replace(it, generation=2))
            return NotUsable("grant_revoked")

    world.tokens = ReconnectedMeanwhile()

    await world.run()

    assert await world.statuses([item_id]) == ["published"]


async def test_while_connection_svc_is_away_nothing_changes_and_it_is_asked_again(world: World) -> None:
    _, [item_id] = await world.lane(1)
    before = await world.item(item_id)
    world.tokens.answer = ConnectionsUnavailable("away")

    await world.run()
    assert await world.item(item_id) == before

    world.tokens.answer = a_token()
    world.pass_time(timedelta(seconds=1))
    await world.run()
    assert await world.statuses([item_id]) == ["published"]


async def test_a_lost_answer_makes_the_item_uncertain_and_its_lane_waits_for_the_look(world: World) -> None:
    _, [first, second] = await world.lane(2)
    world.provider.tell("create_bill", After(LOST))

    await world.run()
    assert await world.statuses([first, second]) == ["uncertain", "queued"]
    assert [event["what"] for event in await world.said()] == ["item.outcome-uncertain"]

    world.pass_time(timedelta(seconds=30) + PROCESSING - timedelta(seconds=1))
    await world.run()
    assert "find_bill" not in world.provider.calls

    world.pass_time(timedelta(seconds=1))
    await world.run()
    assert world.provider.numbers == ["INV-1", "INV-2"]
    assert await world.statuses([first, second]) == ["published", "published"]
    assert world.provider.files["INV1"] == ["1.pdf"]


async def test_a_write_that_had_no_effect_is_repeated_with_the_same_key_and_identical_bytes(world: World) -> None:
    connection, [item_id] = await world.lane(1)
    world.provider.tell("create_bill", After(LOST))
    await world.run()
    lost = world.provider.bills.pop()
    await world.change(
        connection.id, lambda it: replace(it, settings=replace(it.settings, destination="awaiting_payment"))
    )

    world.pass_time(timedelta(minutes=1))
    await world.run()

    assert [(one.bill, one.key) for one in world.provider.bills] == [(lost.bill, lost.key)]
    assert await world.statuses([item_id]) == ["published"]


async def test_an_uncertain_item_that_meets_the_expiry_tells_of_it_and_stays_uncertain(world: World) -> None:
    _, [first, second] = await world.lane(2)
    world.provider.tell("create_bill", After(LOST))
    await world.run()
    world.tokens.answer = NotUsable("consent_lapsed")

    world.pass_time(timedelta(minutes=1))
    await world.run()

    assert await world.statuses([first, second]) == ["uncertain", "held"]
    told = [event for event in await world.said() if event["what"] == "item.publish-failed"]
    assert [(event["item_id"], event["status"], event["reason"]) for event in told] == [
        (first, "uncertain", "connection_expired")
    ]


async def test_an_outage_during_the_look_is_no_failure_of_the_item(world: World) -> None:
    _, [item_id] = await world.lane(1)
    world.provider.tell("create_bill", After(LOST))
    await world.run()
    world.provider.tell("find_bill", ProviderUnavailable("timeout"))

    world.pass_time(timedelta(minutes=1))
    await world.run()
    assert await world.statuses([item_id]) == ["uncertain"]
    assert [event["what"] for event in await world.said()] == ["item.outcome-uncertain"]

    world.pass_time(timedelta(minutes=1))
    await world.run()
    assert len(world.provider.bills) == 1
    assert await world.statuses([item_id]) == ["published"]


async def test_a_file_that_is_refused_fails_the_item_but_its_bill_is_never_written_again(world: World) -> None:
    _, [item_id] = await world.lane(1)
    world.provider.tell("attach", Refused(Problem("value_invalid", "document", "No such type of file.")))
    await world.run()
    [said] = await world.said()
    assert (said["class"], said["field"], said["status"]) == ("attachment", "/document", "failed")
    await world.ask_again(item_id)

    await world.run()

    assert world.provider.calls == ["create_bill", "attach", "attach"]
    assert await world.statuses([item_id]) == ["published"]


async def test_a_file_whose_upload_was_lost_is_tried_again_without_a_second_bill(world: World) -> None:
    _, [item_id] = await world.lane(1)
    world.provider.tell("attach", After(LOST))

    await world.run()
    world.pass_time(timedelta(minutes=1))
    await world.run()

    assert world.provider.calls == ["create_bill", "attach", "attach"]
    assert world.provider.files["INV1"] == ["1.pdf"]
    assert await world.statuses([item_id]) == ["published"]


async def test_a_file_that_is_not_the_announced_one_fails_before_anything_is_written(world: World) -> None:
    _, [item_id] = await world.lane(1)
    world.documents.answers.append(DocumentRefused("document_changed", "another hash"))

    await world.run()

    [said] = await world.said(item_id)
    assert (said["class"], said["code"]) == ("attachment", "document_changed")
    assert world.provider.calls == []


async def test_a_file_that_cannot_be_had_is_tried_some_times_and_then_fails_alone(world: World) -> None:
    _, [first, second] = await world.lane(2)
    world.documents.answers.extend([DocumentUnavailable("http_503")] * 4)

    for _ in range(4):
        await world.run()
        world.pass_time(timedelta(minutes=1))
    await world.run()

    assert await world.statuses([first, second]) == ["failed", "published"]
    assert (await world.item(first)).reason == "document_unavailable"


async def test_a_provider_that_this_release_does_not_know_is_waited_for(world: World) -> None:
    _, [item_id] = await world.lane(1)
    world.tokens.answer = a_token(provider="another")

    await world.run()

    item = await world.item(item_id)
    assert (item.status, item.reason) == ("held", "connection_checking")
