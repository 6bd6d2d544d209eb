"""Accounting software behind one interface: `build` gives one adapter per provider.

Errors are in `providers.errors`, what passes back and forth in `providers.models`, the promise in
`providers.interface`.
"""

import httpx2

from providers.freeagent.adapter import FreeAgent
from providers.interface import Provider, Providers
from providers.quickbooks.adapter import QuickBooks
from providers.sage.adapter import Sage
from providers.settings import ProviderSettings
from providers.xero.adapter import Xero

__all__ = ["Provider", "ProviderSettings", "Providers", "build"]


def build(settings: ProviderSettings, http: httpx2.AsyncClient) -> Providers:
    """Every adapter by its name. The client is the caller's: its time-outs, its pool, its end."""
    adapters: tuple[Provider, ...] = (
        Xero(settings.xero, http),
        QuickBooks(settings.quickbooks, http),
        Sage(settings.sage, http),
        FreeAgent(settings.freeagent, http),
    )
    return {adapter.name: adapter for adapter in adapters}
