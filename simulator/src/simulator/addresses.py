"""Where the practice providers answer, by the names that their clients give these addresses."""

from collections.abc import Mapping
from typing import Final

PATHS: Final[Mapping[str, Mapping[str, str]]] = {
    "xero": {
        "authorize_url": "/xero/authorize",
        "token_url": "/xero/connect/token",
        "revoke_url": "/xero/connect/revocation",
        "connections_url": "/xero/connections",
        "api_url": "/xero/api.xro/2.0",
    },
    "quickbooks": {
        "authorize_url": "/quickbooks/authorize",
        "token_url": "/quickbooks/oauth2/v1/tokens/bearer",
        "revoke_url": "/quickbooks/v2/oauth2/tokens/revoke",
        "api_url": "/quickbooks/v3",
    },
    "sage": {
        "authorize_url": "/sage/authorize?filter=apiv3.1",
        "token_url": "/sage/token",
        "revoke_url": "/sage/revoke",
        "api_url": "/sage/v3.1",
    },
    "freeagent": {
        "authorize_url": "/freeagent/authorize",
        "token_url": "/freeagent/v2/token_endpoint",
        "api_url": "/freeagent/v2",
    },
}
PROVIDERS: Final = tuple(PATHS)
FOR_BROWSERS: Final = frozenset({"authorize_url"})
"""Addresses that people are sent to; the others are called by programs."""


def addresses_of(provider: str, *, public: str, inside: str) -> dict[str, str]:
    """The provider's addresses, by a public base URL for browsers and another one for programs."""
    return {name: (public if name in FOR_BROWSERS else inside) + path for name, path in PATHS[provider].items()}
