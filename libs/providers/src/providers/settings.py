"""Where the providers are and who we are to them."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class ClientSettings(BaseModel):
    """What every provider needs: its pages, its token endpoint, its API, and us as its registered application."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authorize_url: str
    """May carry a query of its own, which is kept."""
    token_url: str
    api_url: str
    client_id: str
    client_secret: SecretStr
    longest_processing_seconds: float | None = Field(default=None, ge=0)
    """How long it may work on a write whose answer was lost; None is the adapter's own figure for the real software."""


class QuickBooksSettings(ClientSettings):
    """QuickBooks Online. `api_url` ends before `/company/{realm}`."""

    revoke_url: str


class XeroSettings(ClientSettings):
    """Xero. `connections_url` lists the organisations that a login gave us."""

    revoke_url: str
    connections_url: str


class SageSettings(ClientSettings):
    """Sage Accounting. `authorize_url` ends with `?filter=apiv3.1`, `api_url` with `/v3.1`."""

    revoke_url: str


class FreeAgentSettings(ClientSettings):
    """FreeAgent. `api_url` ends with `/v2`: it is the beginning of every id there. Nothing can be revoked."""


class ProviderSettings(BaseModel):
    """Every address and credential; nothing has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    xero: XeroSettings
    quickbooks: QuickBooksSettings
    sage: SageSettings
    freeagent: FreeAgentSettings
