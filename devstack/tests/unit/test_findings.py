"""What a long play calls out of order, and as told."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from devstack.findings import Finding, Wanted, overtaken
from relink_contracts.envelope import EventData, Received


def told(sequence: int, subject: str = "itm_1") -> Received[EventData]:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return Received(
        uuid4(), "/x", "relink.item.held.v1", subject, subject, now, sequence, "biz_1", "", None, None, now, "t", 0, 0
    )


def test_a_number_that_comes_after_a_later_one_of_its_entity_is_overtaken() -> None:
    assert overtaken([told(1), told(3), told(2)]) == 1


def test_a_number_that_comes_again_is_not_overtaken() -> None:
    assert overtaken([told(1), told(2), told(1), told(2), told(3)]) == 0


def test_entities_do_not_overtake_each_other() -> None:
    assert overtaken([told(5, "itm_1"), told(1, "itm_2")]) == 0


@pytest.mark.parametrize(
    ("wanted", "count", "holds"),
    [
        (Wanted.NONE, 0, True),
        (Wanted.NONE, 1, False),
        (Wanted.SOME, 0, False),
        (Wanted.SOME, 7, True),
        (Wanted.ANY, 0, True),
        (Wanted.ANY, 7, True),
    ],
)
def test_a_finding_holds_when_there_are_as_many_as_there_are_to_be(wanted: Wanted, count: int, holds: bool) -> None:
    assert Finding("things", count, wanted).holds is holds
