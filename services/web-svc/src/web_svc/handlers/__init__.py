"""Every event that web-svc hears: all of them, live, without a consumer group, an inbox or dead letters.

Two state topics are read from their beginning, since pages need what they say; of everything else an open page is only
told that it changed.
"""

from collections.abc import Awaitable, Callable

from relink_contracts.envelope import EventData, Received
from relink_contracts.events import Membership, ProviderState
from web_svc.domain.health import ProvidersHealth
from web_svc.domain.people import Memberships
from web_svc.handlers.on_change import KINDS, on_change
from web_svc.handlers.on_membership import on_membership
from web_svc.handlers.on_provider_state import on_provider_state
from web_svc.live import Live

FROM_BEGINNING = (Membership.TOPIC, ProviderState.TOPIC)
HEARD = (*FROM_BEGINNING, *KINDS)


def listener(
    memberships: Memberships, health: ProvidersHealth, live: Live
) -> Callable[[Received[EventData]], Awaitable[None]]:
    """What to do with each event. Hearing one twice changes nothing."""

    async def on_event(event: Received[EventData]) -> None:
        if event.topic == Membership.TOPIC:
            on_membership(event, memberships)
        elif event.topic == ProviderState.TOPIC:
            on_provider_state(event, health, live)
        else:
            on_change(event, live)

    return on_event
