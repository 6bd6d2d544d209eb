"""When tokens may be used, refreshed, or given up."""

from datetime import timedelta

import pytest
from build_connection_svc import NOON, a_grant, some_tokens

from connection_svc.domain.grant import (
    OUTCOME_WAIT,
    REPORT_PAUSE,
    backoff,
    idle_refresh_at,
    is_fresh,
    refusal_unproven_for,
    was_just_forced,
)

MARGIN = timedelta(minutes=5)


@pytest.mark.parametrize(("minutes_left", "fresh"), [(6, True), (5, False), (0, False), (-1, False)])
def test_a_token_is_fresh_while_more_than_the_margin_is_left(minutes_left: int, fresh: bool) -> None:
    grant = a_grant(tokens=some_tokens(access_expires_at=NOON + timedelta(minutes=minutes_left)))

    assert is_fresh(grant, now=NOON, margin=MARGIN) is fresh


def test_a_refusal_is_believed_when_no_earlier_refresh_is_open() -> None:
    assert refusal_unproven_for(a_grant()) == timedelta(0)


def test_a_refusal_proves_nothing_while_an_earlier_refresh_may_still_store_its_token() -> None:
    open_for_ten = a_grant(unsettled_for=timedelta(seconds=10))

    assert refusal_unproven_for(open_for_ten) == OUTCOME_WAIT - timedelta(seconds=10)
    assert refusal_unproven_for(a_grant(unsettled_for=OUTCOME_WAIT)) == timedelta(0)


def test_a_report_soon_after_a_forced_refresh_forces_no_other() -> None:
    grant = a_grant(forced_at=NOON)

    assert was_just_forced(grant, now=NOON + REPORT_PAUSE - timedelta(seconds=1))
    assert not was_just_forced(grant, now=NOON + REPORT_PAUSE)
    assert not was_just_forced(a_grant(), now=NOON)


def test_the_pauses_between_failures_double_up_to_a_quarter_of_an_hour() -> None:
    assert [backoff(failures).total_seconds() for failures in (1, 2, 3, 9, 10, 500)] == [2, 4, 8, 512, 900, 900]


def test_an_unused_grant_is_refreshed_at_three_quarters_of_what_the_provider_allows() -> None:
    assert idle_refresh_at(NOON, idle_limit=timedelta(days=60)) == NOON + timedelta(days=45)


def test_tokens_do_not_show_themselves() -> None:
    assert "access-1" not in repr(a_grant())
    assert "refresh-1" not in repr(a_grant())
