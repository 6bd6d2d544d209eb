"""How long ago something was."""

from datetime import timedelta

import pytest
from build_web_svc import NOW

from web_svc.domain.ago import ago


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=119), "1 hour ago"),
        (timedelta(days=3), "3 days ago"),
        (-timedelta(minutes=5), "just now"),  # another machine's clock is ahead
    ],
)
def test_the_largest_whole_unit_is_said(past: timedelta, words: str) -> None:
    assert ago(NOW - past, now=NOW) == words
