"""Where the providers are and who we are to them."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class QuickBooksSettings(BaseModel):
    """QuickBooks Online. `api_url` ends before `/company/{realm}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authorize_url: str
    token_url: str
    revoke_url: str
    api_url: str
    client_id: str
    client_secret: SecretStr
    longest_processing_seconds: float | None = Field(default=None, ge=0)
    """How long it may work on a write whose answer was lost; None is the adapter's own figure for the real software."""


class XeroSettings(QuickBooksSettings):
    """Xero. `connections_url` lists the organisations that a login gave us."""

    connections_url: str


class ProviderSettings(BaseModel):
    """Every address and credential; nothing has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    xero: XeroSettings
    quickbooks: QuickBooksSettings
