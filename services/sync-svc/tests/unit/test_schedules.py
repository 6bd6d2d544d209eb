"""When a connection is asked for."""

from datetime import timedelta

import pytest
from build_sync_svc import NOON, PACE, TWO_DAYS, a_schedule

from sync_svc.domain.errors import CoolingDown
from sync_svc.domain.schedules import next_slot

MANY = [f"con_{number}" for number in range(1000)]


def test_the_next_turn_is_later_than_now_and_at_most_one_interval_away() -> None:
    for connection_id in MANY:
        turn = next_slot(connection_id, after=NOON, interval=TWO_DAYS)
        assert NOON < turn <= NOON + TWO_DAYS


def test_a_turn_follows_its_predecessor_by_exactly_the_interval() -> None:
    first = next_slot("con_1", after=NOON, interval=TWO_DAYS)
    assert next_slot("con_1", after=first, interval=TWO_DAYS) == first + TWO_DAYS


def test_a_connection_that_was_asked_late_falls_back_into_step() -> None:
    first = next_slot("con_1", after=NOON, interval=TWO_DAYS)
    late = first + timedelta(hours=7)
    assert next_slot("con_1", after=late, interval=TWO_DAYS) == first + TWO_DAYS


def test_turns_of_many_connections_are_spread_over_the_interval() -> None:
    hours = [int((next_slot(one, after=NOON, interval=TWO_DAYS) - NOON) / timedelta(hours=4)) for one in MANY]
    assert {hour: 50 < hours.count(hour) < 120 for hour in range(12)} == dict.fromkeys(range(12), True)


def test_asking_opens_a_run_and_moves_the_next_turn() -> None:
    asked = a_schedule().ask("syn_1", generation=3, now=NOON, interval=TWO_DAYS)
    assert (asked.open_sync_id, asked.asked_generation) == ("syn_1", 3)
    assert asked.due_at > NOON
    assert asked.has_open_run(now=NOON + timedelta(minutes=59))


def test_a_run_that_nobody_ended_within_an_hour_keeps_nothing_away() -> None:
    asked = a_schedule().ask("syn_1", generation=1, now=NOON, interval=TWO_DAYS)
    assert not asked.has_open_run(now=NOON + timedelta(hours=1))


def test_an_older_consent_does_not_take_back_a_newer_one() -> None:
    assert a_schedule(asked_generation=3).ask("s", generation=2, now=NOON, interval=TWO_DAYS).asked_generation == 3


def test_a_run_that_ends_leaves_a_later_one_open() -> None:
    open_run = a_schedule(open_sync_id="syn_2")
    assert open_run.end("syn_1", completed_at=NOON).open_sync_id == "syn_2"
    assert open_run.end("syn_2", completed_at=NOON).open_sync_id is None


def test_by_hand_one_waits_until_five_minutes_after_the_last_reading() -> None:
    read = a_schedule(completed_at=NOON)
    with pytest.raises(CoolingDown) as refusal:
        read.ask_by_hand("syn_1", generation=1, now=NOON + timedelta(minutes=4), pace=PACE)
    assert refusal.value.until == NOON + timedelta(minutes=5)
    later = NOON + timedelta(minutes=5)
    assert read.ask_by_hand("syn_1", generation=1, now=later, pace=PACE).open_sync_id == "syn_1"


def test_a_failed_run_cools_nothing_down() -> None:
    failed = a_schedule(open_sync_id="syn_1").end("syn_1", completed_at=None)
    assert failed.ask_by_hand("syn_2", generation=1, now=NOON, pace=PACE).open_sync_id == "syn_2"
