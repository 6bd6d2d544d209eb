"""One run and its attempts."""

from datetime import timedelta

import pytest
from build_sync_svc import NOON, a_run

from sync_svc.domain.runs import Blame, Failure, Result, RunState

OUTAGE = Failure("provider_timeout", Blame.PROVIDER)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 30), (2, 60), (3, 120), (4, 240)])
def test_a_failed_attempt_is_repeated_after_a_pause_that_doubles(attempt: int, seconds: int) -> None:
    failed = a_run(attempts=attempt, state=RunState.RUNNING).fail(OUTAGE, now=NOON)
    assert failed.state is RunState.WAITING
    assert failed.retry_at == NOON + timedelta(seconds=seconds)


def test_the_fifth_failed_attempt_is_the_last() -> None:
    failed = a_run(attempts=5, state=RunState.RUNNING).fail(OUTAGE, now=NOON)
    assert (failed.state, failed.retry_at, failed.ended_at) == (RunState.FAILED, None, NOON)


def test_what_only_the_customer_can_mend_is_not_repeated() -> None:
    expired = Failure("connection_expired", Blame.CONNECTION, is_lasting=True)
    assert a_run(attempts=1).fail(expired, now=NOON).state is RunState.FAILED


def test_being_asked_to_wait_is_no_attempt() -> None:
    running = a_run().begin(look_after_at=NOON + timedelta(minutes=1))
    waiting = running.wait_until(NOON + timedelta(minutes=2))
    assert (waiting.state, waiting.attempts, waiting.failure) == (RunState.WAITING, 0, None)


def test_a_run_that_completes_forgets_its_earlier_failures() -> None:
    done = a_run(failure=OUTAGE, attempts=2).complete(Result({}, 1, 1, 1), generation=2, now=NOON)
    assert (done.state, done.failure, done.generation, done.ended_at) == (RunState.COMPLETED, None, 2, NOON)
