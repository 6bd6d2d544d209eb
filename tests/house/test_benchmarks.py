"""A short run of a benchmark fails a build for a ratio that surely fell, and for nothing else."""

import importlib

import pytest
from bench.__main__ import NAMES
from bench.report import README, Result, broken, fallen, recorded_ratios
from bench.runner import AtLeast, AtMost, Case, Exactly


def of(*cases: Case) -> Result:
    return Result("relay", {}, {}, cases)


def rate(*rounds: float) -> Case:
    return Case("1 relay", "rows/s", rounds, [100.0] * len(rounds), AtLeast(0.9))


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_says_what_it_compares_has_a_place_in_the_readme_and_a_recorded_short_run(name: str) -> None:
    assert importlib.import_module(f"bench.{name.replace('-', '_')}").__doc__
    assert f"<!-- {name}: made by the run -->" in README.read_text()
    assert recorded_ratios(name)


def test_a_ratio_of_which_every_round_is_more_than_a_fifth_below_the_recorded_one_has_fallen() -> None:
    assert fallen(of(rate(70, 71, 72, 73, 74)), {"1 relay": 1.0}) == ["relay: 1 relay: 0.72, recorded 1"]


def test_a_low_median_has_not_fallen_while_a_round_says_otherwise() -> None:
    assert fallen(of(rate(50, 51, 52, 53, 95)), {"1 relay": 1.0}) == []


def test_one_lucky_round_of_fifteen_hides_no_fall() -> None:
    assert fallen(of(rate(*[70.0] * 14, 95)), {"1 relay": 1.0}) == ["relay: 1 relay: 0.7, recorded 1"]


def test_what_should_be_low_has_fallen_when_it_rose() -> None:
    slower = Case("start", "s", [1.6] * 5, [1.0] * 5, AtMost(1.5))
    assert fallen(of(slower), {"start": 1.2}) == ["relay: start: 1.6, recorded 1.2"]
    assert fallen(of(slower), {"start": 1.5}) == []


def test_a_case_that_was_never_recorded_cannot_fall() -> None:
    assert fallen(of(rate(*[1.0] * 5)), {}) == []


def test_a_count_that_must_be_zero_and_is_not_breaks_a_run_whatever_was_recorded() -> None:
    inversions = Case("inversions", "records", [0, 2, 0], [], Exactly(0))
    assert broken(of(inversions)) == ["relay: inversions: 2, must be = 0"]
