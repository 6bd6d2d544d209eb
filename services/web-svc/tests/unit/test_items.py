"""How an item stands."""

import pytest

from web_svc.domain.items import Tab, message_of


def test_each_state_that_is_in_sight_has_exactly_one_tab() -> None:
    shown = [status for tab in Tab for status in tab.statuses]
    assert sorted(shown) == sorted(
        ["review", "ready", "held", "queued", "publishing", "uncertain", "failed", "published"]
    )


@pytest.mark.parametrize(
    ("status", "reason", "has_message", "message_id"),
    [
        ("held", "connection_expired", False, "publish.connection_expired"),
        ("held", "a_reason_of_next_year", False, "publish.waiting"),
        ("held", None, False, "publish.waiting"),
        ("failed", "connection_expired", False, "publish.connection_expired"),
        ("failed", "something_else", True, "publish.unknown"),
        ("failed", None, False, "publish.refused"),
        ("uncertain", None, False, "publish.uncertain"),
        ("ready", None, False, None),
        ("published", None, False, None),
    ],
)
def test_what_waits_or_failed_is_explained(
    status: str, reason: str | None, has_message: bool, message_id: str | None
) -> None:
    assert message_of(status, reason=reason, has_provider_message=has_message) == message_id
