from relink_contracts.envelope import EventData, Received
from relink_contracts.events import ProviderState
from web_svc.domain.health import ProvidersHealth
from web_svc.live import Change, Live


def on_provider_state(event: Received[EventData], health: ProvidersHealth, live: Live) -> None:
    """Keep how each provider does, and tell every open page."""
    if isinstance(event.data, ProviderState):
        health.remember(event.data.provider, event.data.health, sequence=event.sequence)
        live.tell_everybody(Change("provider", event.data.provider))
