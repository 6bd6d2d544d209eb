"""Items, the ledger's keys, and what ended attempts make of both."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from build_publish_svc import AT, BILL, DOCUMENT, NOON, a_connection, a_queued_item, an_item
from hypothesis import given
from hypothesis import strategies as st

from publish_svc.domain.connections import ConnectionPicture, Gate
from publish_svc.domain.errors import NotEditable, NotMovable, NotPublishable
from publish_svc.domain.items import Failure, FailureClass, HoldReason, Item, ItemStatus, Line, Receipt
from publish_svc.domain.lane import (
    Checking,
    Expired,
    FileUnavailable,
    Found,
    NotFound,
    Patience,
    Published,
    Refused,
    Result,
    Throttled,
    TokenReplaced,
    Unavailable,
    Unknown,
    publication_after,
    take_result,
)
from publish_svc.domain.ledger import FrozenBill, Publication, publication_of, when_to_look
from publish_svc.domain.releases import Release, Tally, finish

FROZEN = FrozenBill(BILL, "sup-1", None)
FAILURE = Failure("period_locked", FailureClass.PERIOD)
EVERY_RESULT: list[Result] = [
    Published(timedelta(0)),
    Found(),
    NotFound(),
    Refused(FAILURE),
    Throttled(timedelta(seconds=9)),
    Unavailable("timeout"),
    FileUnavailable("http_503"),
    Unknown(NOON),
    TokenReplaced(),
    Expired(1),
    Checking(1, timedelta(seconds=9)),
]


@pytest.mark.parametrize("status", ["publishing", "uncertain", "published"])
def test_what_a_provider_may_have_cannot_be_edited(status: str) -> None:
    item = a_queued_item(status=ItemStatus(status))

    with pytest.raises(NotEditable):
        item.correct(replace(BILL, number="other"), DOCUMENT, item.connection_id, now=NOON)


def test_an_item_in_a_lane_cannot_be_moved_to_another() -> None:
    with pytest.raises(NotMovable):
        a_queued_item().correct(BILL, DOCUMENT, "con_2", now=NOON)
    assert an_item().correct(BILL, DOCUMENT, "con_2", now=NOON).connection_id == "con_2"


def test_an_item_on_its_way_cannot_be_asked_for_again() -> None:
    with pytest.raises(NotPublishable):
        a_queued_item().ask(position=2, by="usr_anna", now=NOON)


def test_publish_again_is_a_publication_of_its_own_without_a_receipt() -> None:
    published = an_item(status=ItemStatus.PUBLISHED, receipt=Receipt("org-1", "INV1", None))

    again = published.ask(position=2, by="usr_anna", now=NOON, again=True)

    assert (again.publication, again.receipt) == (2, None)


def test_a_key_is_the_same_for_identical_bytes_and_fits_every_provider() -> None:
    publication = publication_of(an_item(id="itm_1"))

    first, second = publication.intend(FROZEN).key, publication.intend(replace(FROZEN)).key

    assert first == second
    assert len(first or "") <= 36


@pytest.mark.parametrize(
    "change",
    [
        lambda it: replace(it, supplier_id="sup-2"),
        lambda it: replace(it, destination="awaiting_payment"),
        lambda it: replace(it, content=replace(BILL, number="INV-2")),
        lambda it: replace(it, content=replace(BILL, lines=(Line("Paper", Decimal("12.31"), "429", "INPUT2"),))),
        lambda it: replace(it, content=replace(BILL, due_date=BILL.date)),
    ],
)
def test_another_bill_has_another_key(change: Callable[[FrozenBill], FrozenBill]) -> None:
    publication = publication_of(an_item(id="itm_1"))

    assert publication.intend(change(FROZEN)).key != publication.intend(FROZEN).key


def test_another_publication_and_another_try_after_a_refusal_have_keys_of_their_own() -> None:
    first = Publication("itm_1", 1).intend(FROZEN)
    second = Publication("itm_1", 2).intend(FROZEN)
    retried = first.refused().intend(FROZEN)

    assert len({first.key, second.key, retried.key}) == 3


@pytest.mark.parametrize("result", EVERY_RESULT, ids=lambda result: type(result).__name__)
def test_bytes_and_key_are_kept_exactly_while_a_write_may_have_had_an_effect(result: Result) -> None:
    intended = Publication("itm_1", 1).intend(FROZEN)

    kept = publication_after(intended, result).key == intended.key

    assert kept == isinstance(result, Published | Found | NotFound | Unknown)


def test_a_look_waits_for_the_longer_of_lease_and_deadline_and_then_for_the_provider() -> None:
    seconds = timedelta(seconds=1)

    look = when_to_look(sent_at=NOON, write_deadline=30 * seconds, lease=60 * seconds, longest_processing=20 * seconds)

    assert look == NOON + 80 * seconds


@given(
    result=st.sampled_from(EVERY_RESULT),
    status=st.sampled_from([ItemStatus.QUEUED, ItemStatus.PUBLISHING, ItemStatus.UNCERTAIN]),
    gate=st.sampled_from(list(Gate)),
    retries=st.integers(0, 5),
    outages=st.integers(0, 5),
)
def test_no_result_loses_an_item_its_place_or_its_doubt(
    result: Result, status: ItemStatus, gate: Gate, retries: int, outages: int
) -> None:
    item = a_queued_item(status=status, retries=retries, position=7)
    connection = a_gate(gate, outages)

    settled = take_result(item, connection, result, Patience(), AT)

    assert settled.item.position == 7
    assert settled.item.status in {"queued", "uncertain", "failed", "published"}
    if status is ItemStatus.UNCERTAIN and settled.item.status == "queued":
        assert isinstance(result, Found | NotFound)
    if settled.item.status == "published":
        assert isinstance(result, Published)
    if settled.item.status == "failed":
        assert isinstance(result, Refused | FileUnavailable)
    after = settled.connection
    assert (after.gate is Gate.OPEN) == (after.hold_reason is None)
    assert after.gate is Gate.CLOSED or after.gate is gate or (gate is Gate.CANARY and isinstance(result, Published))


def test_a_canary_that_goes_through_opens_the_gate() -> None:
    canary = a_gate(Gate.CANARY)

    assert take_result(publishing(), canary, Published(timedelta(0)), Patience(), AT).connection.gate is Gate.OPEN


def test_a_canary_refused_for_its_own_fault_leaves_the_gate_to_the_next() -> None:
    assert (
        take_result(publishing(), a_gate(Gate.CANARY), Refused(FAILURE), Patience(), AT).connection.gate is Gate.CANARY
    )


def test_what_is_told_about_an_earlier_consent_closes_nothing() -> None:
    reconnected = a_connection(generation=2)

    settled = take_result(publishing(), reconnected, Expired(generation=1), Patience(), AT)

    assert (settled.connection.gate, settled.item.status) == (Gate.OPEN, "queued")


@given(st.integers(0, 1000))
def test_pauses_grow_to_a_minute_and_never_beyond(tries: int) -> None:
    patience = Patience()

    assert patience.first_back_off <= patience.back_off(tries) <= patience.longest_back_off
    assert patience.back_off(tries) <= patience.back_off(tries + 1)


def test_a_release_is_finished_when_nothing_of_it_is_unsettled() -> None:
    release = Release("rel_1", "biz_demo", "con_1", "reconnect", waiting=5, started_at=NOON)

    assert finish(release, Tally(published=2, failed=1, unsettled=2), now=NOON) is None
    finished = finish(release, Tally(published=3, failed=1, unsettled=0), now=NOON + timedelta(seconds=8))
    assert finished is not None
    assert (finished.published, finished.failed, finished.excluded, finished.seconds) == (3, 1, 1, 8)


def publishing() -> Item:
    return a_queued_item(status=ItemStatus.PUBLISHING)


def a_gate(gate: Gate, outages: int = 0) -> ConnectionPicture:
    closed = a_connection(outages_in_row=outages).close(HoldReason.PROVIDER_DEGRADED)
    return closed.open() if gate is Gate.OPEN else replace(closed, gate=gate)
