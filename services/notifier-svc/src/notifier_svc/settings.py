"""What notifier-svc is told from outside, as RELINK_ variables. Nothing that is an address has a default."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings

from chassis.settings import DatabaseSettings, HttpSettings, IdentitySettings, KafkaSettings, ProcessSettings


class MailSettings(BaseModel):
    """The SMTP server, and whom mails come from, such as `Relink <relink@example.com>`.

    A mail whose sender died is sent by another after `lease_seconds`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int
    sender: str
    lease_seconds: float = Field(default=120, gt=0)


class ServiceAddresses(BaseModel):
    """Where connection-svc and the identity system answer, as base URLs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str
    identity: str


class Settings(BaseSettings):
    database: DatabaseSettings
    kafka: KafkaSettings
    http: HttpSettings
    identity: IdentitySettings
    process: ProcessSettings
    mail: MailSettings
    services: ServiceAddresses
