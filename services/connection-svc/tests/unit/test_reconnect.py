"""Repairs, their reminders, and the links that start them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from build_connection_svc import DEMO, NOON, YEAR, a_case, a_connection, an_expired_connection

from connection_svc.domain.connection import Connection, Lifecycle
from connection_svc.domain.reconnect import (
    AFTER_SNOOZE,
    LINK_LIFETIME,
    LONGEST_SNOOZE,
    CaseOutcome,
    LinkNotValid,
    LinkState,
    NoNewLinkNeeded,
    ReconnectLink,
    SnoozeOutOfRange,
    due_reminder,
    masked,
    remind,
    remind_at,
)

EXPIRY = NOON + YEAR
DAY = timedelta(days=1)
CASE = a_case(an_expired_connection())
LINK = ReconnectLink(b"hash", "biz_demo", "con_1", CASE.id, 1, EXPIRY, EXPIRY + LINK_LIFETIME)


def test_reminders_come_three_and_seven_days_after_the_case_was_opened() -> None:
    first = remind(CASE, now=EXPIRY + 3 * DAY)
    second = remind(first, now=EXPIRY + 7 * DAY)

    assert [remind_at(CASE), remind_at(first), remind_at(second)] == [EXPIRY + 3 * DAY, EXPIRY + 7 * DAY, None]
    assert [first.stage, second.stage] == ["reminder_3_days", "reminder_7_days"]


def test_a_case_seen_late_gets_only_the_latest_reminder() -> None:
    late = remind(CASE, now=EXPIRY + 8 * DAY)

    assert (late.stage, remind_at(late)) == ("reminder_7_days", None)


def test_the_time_that_a_repair_took_is_never_less_than_nothing() -> None:
    assert CASE.open_for(now=EXPIRY + DAY) == DAY
    assert CASE.open_for(now=EXPIRY - timedelta(minutes=10)) == timedelta(0), "the clock was put back"


def test_a_closed_case_reminds_nobody() -> None:
    snoozed = CASE.snooze(EXPIRY + 2 * DAY, now=EXPIRY)

    for case in (CASE, snoozed):
        assert remind_at(case.close(CaseOutcome.RECONNECTED, now=EXPIRY + DAY)) is None


def test_a_snooze_puts_the_reminder_off_and_ends_with_one_of_its_own() -> None:
    snoozed = CASE.snooze(EXPIRY + 5 * DAY, now=EXPIRY + 2 * DAY)
    reminded = remind(snoozed, now=EXPIRY + 5 * DAY)

    assert due_reminder(snoozed, now=EXPIRY + 4 * DAY) is None
    assert due_reminder(snoozed, now=EXPIRY + 5 * DAY) == AFTER_SNOOZE
    assert remind_at(reminded) == EXPIRY + 7 * DAY, "the schedule goes on; what fell into the snooze is skipped"


def test_a_snooze_after_the_last_reminder_still_ends_with_one() -> None:
    late = remind(CASE, now=EXPIRY + 8 * DAY).snooze(EXPIRY + 11 * DAY, now=EXPIRY + 8 * DAY)

    assert due_reminder(late, now=EXPIRY + 11 * DAY) == AFTER_SNOOZE
    assert remind_at(remind(late, now=EXPIRY + 11 * DAY)) is None


@pytest.mark.parametrize("after", [timedelta(0), -DAY, LONGEST_SNOOZE + timedelta(seconds=1)])
def test_a_snooze_ends_soon_but_not_at_once(after: timedelta) -> None:
    with pytest.raises(SnoozeOutOfRange):
        CASE.snooze(EXPIRY + after, now=EXPIRY)


@pytest.mark.parametrize(
    ("connection", "used", "at", "state"),
    [
        (an_expired_connection(), False, EXPIRY, LinkState.VALID),
        (an_expired_connection(), False, EXPIRY + LINK_LIFETIME, LinkState.EXPIRED),
        (an_expired_connection(), True, EXPIRY, LinkState.USED),
        (a_connection(), False, EXPIRY, LinkState.VALID),
        (a_connection(generation=2), True, EXPIRY + LINK_LIFETIME, LinkState.REPAIRED),
        (an_expired_connection(generation=2), False, EXPIRY, LinkState.REPAIRED),
        (a_connection(lifecycle=Lifecycle.DISCONNECTED), False, EXPIRY, LinkState.ENDED),
    ],
)
def test_a_link_tells_what_can_be_done_with_it(
    connection: Connection, used: bool, at: object, state: LinkState
) -> None:
    link = replace(LINK, used_at=EXPIRY if used else None)

    assert link.state(connection, now=at) is state


def test_a_link_is_good_for_one_use() -> None:
    used = LINK.use(an_expired_connection(), attempt_id="att_1", now=EXPIRY)

    assert used.attempt_id == "att_1"
    with pytest.raises(LinkNotValid, match="is used"):
        used.use(an_expired_connection(), attempt_id="att_2", now=EXPIRY)


def test_a_new_link_is_asked_for_once_by_whoever_holds_one_that_is_spent_or_too_old() -> None:
    late, connection = EXPIRY + LINK_LIFETIME, an_expired_connection()
    asked = LINK.ask_for_another(connection, now=late)

    assert asked.asked_at == late
    assert asked.ask_for_another(connection, now=late + DAY) == asked
    spent = LINK.use(connection, attempt_id="att_1", now=EXPIRY)
    assert spent.ask_for_another(connection, now=EXPIRY).asked_at == EXPIRY


@pytest.mark.parametrize(
    "connection",
    [an_expired_connection(), a_connection(generation=2), a_connection(lifecycle=Lifecycle.DISCONNECTED)],
)
def test_no_new_link_is_asked_for_where_it_would_do_nothing_or_the_old_one_works(connection: Connection) -> None:
    with pytest.raises(NoNewLinkNeeded):
        LINK.ask_for_another(connection, now=EXPIRY)


def test_a_stranger_sees_the_first_letters_only() -> None:
    assert masked(DEMO.name) == "D••• T•••••• L••"
