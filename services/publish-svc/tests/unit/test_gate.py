"""The picture of a connection and its gate."""

from dataclasses import replace
from datetime import timedelta

from build_publish_svc import NOON, a_connection, a_queued_item
from hypothesis import given
from hypothesis import strategies as st

from publish_svc.domain.connections import ConnectionNews, ConnectionPicture, Gate, Lifecycle
from publish_svc.domain.items import HoldReason, ItemStatus
from publish_svc.domain.lane import LookUp, Publish, Recover, Rest, hold_at_gate, next_step

EXPIRED = HoldReason.CONNECTION_EXPIRED


def news(sequence: int, lifecycle: Lifecycle = Lifecycle.ACTIVE, generation: int = 1) -> ConnectionNews:
    return ConnectionNews("con_1", "biz_demo", sequence, lifecycle, generation)


def test_news_older_than_the_last_changes_nothing() -> None:
    connection = a_connection(sequence=7)

    assert connection.remember(news(7, Lifecycle.EXPIRED)) is connection
    assert connection.remember(news(6, Lifecycle.EXPIRED)) is connection


def test_a_connection_that_expires_closes_its_gate() -> None:
    after = a_connection().remember(news(2, Lifecycle.EXPIRED))

    assert (after.gate, after.hold_reason) == (Gate.CLOSED, EXPIRED)


def test_a_first_record_decides_whether_the_gate_is_open() -> None:
    assert ConnectionPicture.first_seen(news(1)).gate is Gate.OPEN
    assert ConnectionPicture.first_seen(news(1, Lifecycle.PENDING)).gate is Gate.CLOSED


def test_a_lifecycle_of_a_later_release_closes_the_gate_too() -> None:
    after = a_connection().remember(news(2, Lifecycle("suspended")))

    assert (after.gate, after.hold_reason) == (Gate.CLOSED, HoldReason.CONNECTION_CHECKING)


def test_a_reconnect_waits_for_the_lists_of_its_consent() -> None:
    expired = a_connection().remember(news(2, Lifecycle.EXPIRED))

    after = expired.remember(news(3, generation=2))

    assert after.gate is Gate.WAITING_FOR_LISTS
    assert after.lists_arrived(1).gate is Gate.WAITING_FOR_LISTS
    assert after.lists_arrived(2).gate is Gate.CANARY


def test_only_a_later_consent_opens_what_we_closed_ourselves() -> None:
    ours = a_connection().close(EXPIRED)

    assert ours.remember(news(2)).gate is Gate.CLOSED
    assert ours.remember(news(3, generation=2)).gate is Gate.WAITING_FOR_LISTS


def test_the_owners_word_opens_under_the_same_consent_what_his_word_closed() -> None:
    assert a_connection().remember(news(2, Lifecycle.EXPIRED)).remember(news(3)).gate is Gate.CANARY


def test_trying_again_ends_no_hold_but_that_of_a_failed_canary() -> None:
    assert a_connection().close(HoldReason.CANARY_FAILED).try_again().gate is Gate.CANARY
    assert a_connection().close(EXPIRED).try_again().gate is Gate.CLOSED


@given(
    st.lists(
        st.tuples(
            st.integers(1, 30),
            st.sampled_from([Lifecycle.ACTIVE, Lifecycle.EXPIRED, Lifecycle.REVOKED, Lifecycle.DISCONNECTED]),
            st.integers(1, 4),
        ),
        max_size=30,
    )
)
def test_whatever_order_news_arrive_in_the_newest_decides_who_may_go(told: list[tuple[int, Lifecycle, int]]) -> None:
    by_sequence = {sequence: (lifecycle, generation) for sequence, lifecycle, generation in reversed(told)}
    connection = a_connection(sequence=0)
    for sequence, lifecycle, generation in told:
        connection = connection.remember(news(sequence, lifecycle, generation))

    if by_sequence:
        lifecycle, generation = by_sequence[max(by_sequence)]
        assert (connection.lifecycle, connection.generation) == (lifecycle, generation)
        assert (lifecycle is Lifecycle.ACTIVE) or connection.gate is Gate.CLOSED
    assert (connection.gate is Gate.OPEN) == (connection.hold_reason is None)


def test_the_first_item_held_after_an_expiry_tells_and_the_next_does_not() -> None:
    connection = a_connection().close(EXPIRED)

    first = hold_at_gate(a_queued_item(), connection, EXPIRED, now=NOON)
    second = hold_at_gate(a_queued_item(), first.connection, EXPIRED, now=NOON)

    assert first.failed is not None
    assert first.failed.status is ItemStatus.FAILED
    assert (first.item.status, second.item.status) == (ItemStatus.HELD, ItemStatus.HELD)
    assert second.failed is None


def test_each_expiry_is_told_anew() -> None:
    told = a_connection().close(EXPIRED).told_expiry()

    again = told.remember(news(2, generation=2)).open().close(EXPIRED)

    assert not told.has_untold_expiry
    assert again.has_untold_expiry


def test_nothing_is_told_while_the_gate_opens() -> None:
    opening = replace(a_connection(generation=2).close(EXPIRED), gate=Gate.WAITING_FOR_LISTS)

    assert hold_at_gate(a_queued_item(), opening, EXPIRED, now=NOON).failed is None


def test_a_due_item_at_an_open_gate_is_published() -> None:
    item = a_queued_item()

    assert next_step(a_connection(), item, now=NOON) == Publish(item)


def test_an_item_that_waits_holds_up_its_lane_until_its_time() -> None:
    item = a_queued_item(not_before=NOON + timedelta(seconds=1))

    assert next_step(a_connection(), item, now=NOON) == Rest(item.not_before)


def test_behind_a_gate_that_is_not_open_nothing_is_published() -> None:
    for gate in (Gate.CLOSED, Gate.WAITING_FOR_LISTS):
        connection = replace(a_connection().close(EXPIRED), gate=gate)
        assert next_step(connection, a_queued_item(), now=NOON) == Rest(None)


def test_an_uncertain_item_is_looked_up_as_soon_as_the_connection_works() -> None:
    item = a_queued_item(status=ItemStatus.UNCERTAIN)
    waiting = replace(a_connection().close(EXPIRED), gate=Gate.WAITING_FOR_LISTS)

    assert next_step(waiting, item, now=NOON) == LookUp(item)
    assert next_step(a_connection().close(EXPIRED), item, now=NOON) == Rest(None)


def test_an_item_that_somebody_was_publishing_is_recovered_at_any_gate() -> None:
    item = a_queued_item(status=ItemStatus.PUBLISHING)

    assert next_step(a_connection().close(EXPIRED), item, now=NOON) == Recover(item)
