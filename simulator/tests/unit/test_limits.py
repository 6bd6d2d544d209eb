from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from build_simulator import NOON, a_call

from simulator.limits import Exceeded, Window, count
from simulator.state import State, Tx

MINUTE = Window("minute", 2, 60)
DAY = Window("day", 3, 86_400)
APPLICATION = Window("appminute", 3, 60, whole_application=True)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Tx]:
    state = State(tmp_path / "state.sqlite")
    with state.transaction() as tx:
        yield tx
    state.close()


def after(seconds: float, **changes):
    return a_call(system_now=NOON + timedelta(seconds=seconds), **changes)


def test_a_window_begins_with_its_first_call_and_ends_after_its_length(tx: Tx) -> None:
    assert [count(after(second), tx, [MINUTE], factor=1).exceeded is None for second in (0, 1, 59.9, 60, 61, 62)] == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]


def test_a_full_window_says_when_it_ends_in_whole_seconds(tx: Tx) -> None:
    for second in (0, 1):
        count(after(second), tx, [MINUTE], factor=1)
    assert count(after(10.2), tx, [MINUTE], factor=1).exceeded == Exceeded("minute", 50)


def test_the_day_is_a_window_of_its_own_and_a_refused_call_counts_in_none(tx: Tx) -> None:
    found = [count(after(second), tx, [MINUTE, DAY], factor=1) for second in (0, 1, 2, 60, 61)]
    assert [one.exceeded and one.exceeded.window for one in found] == [None, None, "minute", None, "day"]
    assert found[3].remaining == {"minute": 1, "day": 0}


def test_some_windows_are_counted_over_all_organisations(tx: Tx) -> None:
    calls = [after(0, organisation=name) for name in ("one", "one", "two", "three")]
    found = [count(call, tx, [MINUTE, APPLICATION], factor=1) for call in calls]
    assert [one.exceeded and one.exceeded.window for one in found] == [None, None, None, "appminute"]


def test_the_factor_multiplies_every_limit(tx: Tx) -> None:
    found = [count(after(0), tx, [MINUTE], factor=2) for _ in range(5)]
    assert [one.exceeded is None for one in found] == [True] * 4 + [False]
    assert found[0].remaining == {"minute": 3}
