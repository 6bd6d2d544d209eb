"""A journey to the provider's login and back."""

from datetime import timedelta

import pytest
from build_connection_svc import BINDING, DEMO, NOON, OTHER, an_attempt

from connection_svc.domain.attempt import (
    Attempt,
    AttemptOver,
    AttemptStatus,
    Channel,
    ComebackRefused,
    ForeignBrowser,
    NotReturned,
    OfferedOrganisation,
    OrganisationNotGranted,
    Problem,
)

LATER = NOON + timedelta(minutes=29)
TOO_LATE = NOON + timedelta(minutes=30)
OFFERED = (OfferedOrganisation(OTHER.id, OTHER.name), OfferedOrganisation(DEMO.id, DEMO.name))


def an_attempt_that_left(**changes: object) -> Attempt:
    return an_attempt(**changes).leave(binding=BINDING, state="s", browser="b", now=NOON)


def refusal_of(attempt: Attempt, *, browser: str | None = "b", now: object = LATER) -> Problem:
    with pytest.raises(ComebackRefused) as caught:
        attempt.come_back(browser=browser, now=now)
    return caught.value.problem


def test_the_browser_that_left_may_come_back_in_time() -> None:
    assert an_attempt_that_left().come_back(browser="b", now=LATER).state_used_at == LATER


def test_a_state_is_good_for_one_return() -> None:
    assert refusal_of(an_attempt_that_left().come_back(browser="b", now=LATER)) is Problem.STATE_USED


@pytest.mark.parametrize("browser", ["another", "", None])
def test_no_other_browser_may_come_back(browser: str | None) -> None:
    assert refusal_of(an_attempt_that_left(), browser=browser) is Problem.FOREIGN_BROWSER


def test_a_stranger_does_not_learn_that_the_attempt_is_used_or_over() -> None:
    used = an_attempt_that_left().come_back(browser="b", now=LATER)

    assert refusal_of(used, browser="another", now=TOO_LATE) is Problem.FOREIGN_BROWSER


def test_after_half_an_hour_it_is_too_late_to_come_back() -> None:
    assert refusal_of(an_attempt_that_left(), now=TOO_LATE) is Problem.TIMED_OUT


def test_an_attempt_that_was_cancelled_at_home_is_not_followed() -> None:
    assert refusal_of(an_attempt_that_left().end(AttemptStatus.CANCELLED)) is Problem.STATE_USED


def test_leaving_again_makes_the_earlier_state_and_browser_old() -> None:
    again = an_attempt_that_left().leave(binding=BINDING, state="s2", browser="b2", now=LATER)

    assert again.state_hash != an_attempt_that_left().state_hash
    assert refusal_of(again, browser="b") is Problem.FOREIGN_BROWSER


@pytest.mark.parametrize("binding", ["another", "", None])
@pytest.mark.parametrize("status", list(AttemptStatus))
def test_no_browser_leaves_but_the_one_that_asked(status: AttemptStatus, binding: str | None) -> None:
    with pytest.raises(ForeignBrowser):
        an_attempt(status=status).leave(binding=binding, state="s", browser="b", now=NOON)


@pytest.mark.parametrize("status", sorted(set(AttemptStatus) - {AttemptStatus.STARTED}))
def test_nobody_leaves_with_an_attempt_that_returned_or_ended(status: AttemptStatus) -> None:
    with pytest.raises(AttemptOver):
        an_attempt(status=status).leave(binding=BINDING, state="s", browser="b", now=NOON)


def test_the_expected_organisation_is_offered_first() -> None:
    offered = an_attempt().offer(OFFERED, expected=DEMO).offered

    assert [organisation.id for organisation in offered] == [DEMO.id, OTHER.id]


def test_a_link_offers_nothing_but_the_expected_organisation() -> None:
    attempt = an_attempt(channel=Channel.LINK)

    assert [organisation.id for organisation in attempt.offer(OFFERED, expected=DEMO).offered] == [DEMO.id]
    assert attempt.offer(OFFERED[:1], expected=DEMO).offered == ()


def test_an_offered_organisation_can_be_chosen() -> None:
    assert an_attempt().offer(OFFERED, expected=None).choose(DEMO.id, now=LATER) == DEMO


def test_an_organisation_that_the_login_did_not_grant_cannot_be_chosen() -> None:
    with pytest.raises(OrganisationNotGranted):
        an_attempt().offer(OFFERED, expected=None).choose("org-unknown", now=LATER)


def test_nothing_can_be_chosen_before_the_return_nor_after_the_end() -> None:
    with pytest.raises(NotReturned):
        an_attempt().choose(DEMO.id, now=LATER)
    with pytest.raises(AttemptOver):
        an_attempt().offer(OFFERED, expected=None).choose(DEMO.id, now=TOO_LATE)


def test_an_attempt_ends_once() -> None:
    with pytest.raises(AttemptOver, match="is activated: start again"):
        an_attempt().end(AttemptStatus.ACTIVATED).end(AttemptStatus.TIMED_OUT)
