"""What notifier-svc is told from outside, as RELINK_ variables. Nothing that is an address has a default."""

from pydantic import BaseModel, ConfigDict
from pydantic_settings import BaseSettings

from chassis.settings import DatabaseSettings, HttpSettings, IdentitySettings, KafkaSettings, ProcessSettings


class MailSettings(BaseModel):
    """The SMTP server, and whom mails come from, such as `Relink <relink@example.com>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int
    sender: str


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
