"""A provider struggles when many of its connections fail at once, and only then."""

from dataclasses import replace
from datetime import timedelta

import pytest
from build_connection_svc import NOON

from connection_svc.domain.health import QUIET, Evidence, is_quiet, is_suspicious, is_trouble

EVIDENCE = Evidence(failures=3, connections=3, first_at=NOON, latest_at=NOON, symptom="timeout")


@pytest.mark.parametrize(
    ("failures", "connections", "working", "trouble"),
    [
        (3, 3, 500, True),
        (30, 2, 500, False),  # two customers of many: it may be theirs
        (2, 2, 2, False),  # too few to tell
        (3, 2, 2, True),  # all there are
        (3, 1, 1, True),
        (50, 50, 1_000_000, False),  # among a million some always fail
        (1_000, 1_000, 1_000_000, True),
    ],
)
def test_it_takes_three_failures_over_enough_connections(
    *, failures: int, connections: int, working: int, trouble: bool
) -> None:
    evidence = replace(EVIDENCE, failures=failures, connections=connections)

    assert is_trouble(evidence, working=working) is trouble


def test_one_failure_of_the_only_connection_is_suspicious_and_one_of_many_is_not() -> None:
    once = replace(EVIDENCE, failures=1, connections=1)

    assert is_suspicious(once, working=1)
    assert not is_suspicious(once, working=2)
    assert not is_trouble(once, working=1)


def test_where_nothing_failed_there_is_no_trouble() -> None:
    assert not is_trouble(None, working=0)
    assert not is_suspicious(None, working=0)
    assert is_quiet(None, now=NOON)


def test_it_is_quiet_a_while_after_the_latest_failure() -> None:
    assert not is_quiet(EVIDENCE, now=NOON + QUIET - timedelta(seconds=1))
    assert is_quiet(EVIDENCE, now=NOON + QUIET)
