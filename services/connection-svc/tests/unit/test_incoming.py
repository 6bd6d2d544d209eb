"""What a provider gives us is kept alive in time, by its own date where it names one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from build_connection_svc import FACTS, NOON, FakeProvider

from connection_svc.incoming import tokens_from
from providers.models import Grant

DAY = timedelta(days=1)


def granted(dies_after: timedelta | None) -> Grant:
    ends = NOON + dies_after if dies_after is not None else None
    return Grant("access", "refresh", NOON + timedelta(minutes=30), ends, ())


@pytest.mark.parametrize(
    ("idle_limit", "named", "dies_after", "refreshed_after"),
    [
        (60 * DAY, None, 60 * DAY, 45 * DAY),
        (101 * DAY, 101 * DAY, 101 * DAY, 75.75 * DAY),
        (101 * DAY, 8 * DAY, 8 * DAY, 6 * DAY),
        (60 * DAY, 365 * DAY, 365 * DAY, 45 * DAY),
    ],
    ids=["no date named", "the usual date", "near the end of a grant that use does not prolong", "a later date"],
)
def test_an_idle_grant_is_refreshed_at_three_quarters_of_what_is_left_to_it(
    idle_limit: timedelta, named: timedelta | None, dies_after: timedelta, refreshed_after: timedelta
) -> None:
    provider = FakeProvider(facts=replace(FACTS, idle_limit=idle_limit))

    tokens = tokens_from(granted(named), provider, now=NOON)

    assert (tokens.refresh_expires_at, tokens.idle_refresh_at) == (NOON + dies_after, NOON + refreshed_after)
