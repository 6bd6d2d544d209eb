"""What the story of the reconnects counts in the events."""

from devstack.story.evidence import endings, logins
from relink_contracts.events import (
    ConnectionAuthorisationFailed,
    ConnectionAuthorisationStarted,
    ConnectionExpired,
    ConnectionOrganisationMismatched,
)
from relink_contracts.testing import received


def test_an_ending_at_the_provider_that_the_story_did_not_bring_about_is_unplanned() -> None:
    events = [
        received(ConnectionExpired, 1, connection_id="con_1", generation=1, reason="grant_revoked"),
        received(ConnectionExpired, 2, connection_id="con_1", generation=2, reason="grant_revoked"),
        received(ConnectionExpired, 3, connection_id="con_1", generation=3, reason="consent_lapsed"),
    ]

    found = endings(events, {"con_1": "sage"}, planned={("con_1", 1)})

    assert found == {"sage": {"consent_lapsed": 1, "grant_revoked": 2, "unplanned": 1}}


def test_an_ending_that_was_delivered_twice_counts_once() -> None:
    event = received(ConnectionExpired, 1, connection_id="con_1", generation=1, reason="consent_lapsed")

    assert endings([event, event], {"con_1": "xero"}, planned=set())["xero"]["consent_lapsed"] == 1


def test_logins_are_counted_by_where_they_began_and_what_went_wrong() -> None:
    events = [
        received(ConnectionAuthorisationStarted, 1, channel="web"),
        received(ConnectionAuthorisationStarted, 2, channel="link"),
        received(ConnectionAuthorisationFailed, 3, code="denied"),
        received(ConnectionOrganisationMismatched, 4, offered_organisation_ids=("org_2",)),
    ]

    assert logins(events) == {"begun by link": 1, "begun by web": 1, "denied": 1, "other organisation": 1}
