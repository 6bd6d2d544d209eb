"""What a story reads before it judges: the topics and connection-svc's database; and what it counts in them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from devstack.demo.evidence import Topics
from devstack.findings import Databases
from devstack.story.verdict import Consent, History, KeptCase, KeptConnection, TokenSeen
from relink_contracts.envelope import EventData, Received
from relink_contracts.events import (
    ConnectionAuthorisationFailed,
    ConnectionAuthorisationStarted,
    ConnectionExpired,
    ConnectionOrganisationMismatched,
)

TO_DO: Final = {
    "connection-svc": "SELECT count(*) FROM connection_checks",
    "sync-svc": "SELECT count(*) FROM runs WHERE state IN ('waiting', 'running')",
    "notifier-svc": "SELECT count(*) FROM notices WHERE state = 'due'",
}
_CONNECTIONS = "SELECT id, lifecycle, generation, organisation_id FROM connections WHERE generation > 0"
_CASES = "SELECT id, connection_id, generation, closed_at IS NULL FROM reconnect_cases"


async def history(
    topics: Topics, databases: Databases, *, organisations: Mapping[str, str], tokens: Sequence[TokenSeen]
) -> History:
    """What the verdict is made from. The system has come to rest."""
    return History(
        organisations=organisations,
        events=topics.events,
        connections=[KeptConnection(*row) for row in await databases.rows("connection-svc", _CONNECTIONS)],
        cases=[KeptCase(*row) for row in await databases.rows("connection-svc", _CASES)],
        tokens=tokens,
    )


def endings(
    events: Iterable[Received[EventData]], providers: Mapping[str, str], planned: set[Consent]
) -> dict[str, dict[str, int]]:
    """Why consents ended, by provider (given by connection); `unplanned` of them by nothing that the story did.

    Where a provider gives no grace, a refresh whose answer a killed process never stored costs the customer a login.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for event in {event.id: event for event in events}.values():
        match event.data:
            case ConnectionExpired(connection_id=connection, generation=generation, reason=reason):
                of_provider = counts[providers[connection]]
                of_provider[reason] += 1
                of_provider["unplanned"] += reason != "consent_lapsed" and (connection, generation) not in planned
    return {provider: dict(sorted(counts[provider].items())) for provider in sorted(counts)}


def logins(events: Iterable[Received[EventData]]) -> dict[str, int]:
    """How often somebody left for a provider's login, from where, and why not all of them brought anything."""
    count: Counter[str] = Counter()
    for event in {event.id: event for event in events}.values():
        match event.data:
            case ConnectionAuthorisationStarted(channel=channel):
                count[f"begun by {channel}"] += 1
            case ConnectionAuthorisationFailed(code=code):
                count[code] += 1
            case ConnectionOrganisationMismatched():
                count["other organisation"] += 1
    return dict(sorted(count.items()))
