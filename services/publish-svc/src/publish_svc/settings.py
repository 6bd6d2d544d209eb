"""What publish-svc is told from outside, as RELINK_ variables."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings

from chassis.settings import DatabaseSettings, HttpSettings, IdentitySettings, KafkaSettings, ProcessSettings
from providers.settings import ProviderSettings


class ServiceAddresses(BaseModel):
    """Where the other services answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str


class DocumentSettings(BaseModel):
    """`allowed_origins`, as scheme://host:port, are ours: they may lie at private addresses, all others must not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allowed_origins: tuple[str, ...] = ()
    max_bytes: int = Field(default=10_000_000, ge=1)


class PublishingSettings(BaseModel):
    """`lanes` connections are published to side by side by one worker.

    No bill is sent later than `write_deadline_seconds` after its intent was written down. A lane stays closed to
    others for `lease_seconds` after its worker died.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lanes: int = Field(default=4, ge=1, le=50)
    write_deadline_seconds: float = Field(default=30, gt=0)
    lease_seconds: float = Field(default=60, gt=0)


class Settings(BaseSettings):
    database: DatabaseSettings
    kafka: KafkaSettings
    http: HttpSettings
    identity: IdentitySettings
    process: ProcessSettings
    services: ServiceAddresses
    providers: ProviderSettings
    documents: DocumentSettings = DocumentSettings()
    publishing: PublishingSettings = PublishingSettings()
