"""What this service is told from outside: environment variables that begin with RELINK_."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings

from chassis.settings import (
    DatabaseSettings,
    HttpSettings,
    IdentitySettings,
    KafkaSettings,
    LongSecret,
    ProcessSettings,
)
from providers.settings import ProviderSettings


class SyncSettings(BaseModel):
    """How often lists are read, how long a provider may take for one answer, and a run's lease, renewed between lists.

    A run whose worker died begins again after `lease_seconds`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    interval_hours: float = Field(default=48, gt=0)
    cool_down_seconds: float = Field(default=300, ge=0)
    full_every_days: float = Field(default=7, gt=0)
    provider_timeout_seconds: float = Field(default=20, gt=0)
    lease_seconds: float = Field(default=60, gt=0)


class ServiceAddresses(BaseModel):
    """Where the other services answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str


class Settings(BaseSettings):
    database: DatabaseSettings
    kafka: KafkaSettings
    http: HttpSettings
    identity: IdentitySettings
    process: ProcessSettings
    providers: ProviderSettings
    services: ServiceAddresses
    hash_key: LongSecret
    """The key of the hashes of addresses and tax numbers. With another key every such entry is said anew."""
    sync: SyncSettings = SyncSettings()
