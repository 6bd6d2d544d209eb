"""What this service must be told. Only `main` reads it."""

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


class ServiceAddresses(BaseModel):
    """Where the other services and the identity system answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str
    sync: str
    list: str
    publish: str
    identity: str


class SignInSettings(BaseModel):
    """The OpenID Connect issuer where people sign in, and what it calls us."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    inside_url: str
    """Where the issuer answers us; the issuer's own address unless browsers reach it under another one."""
    client_id: str
    client_secret: LongSecret
    session_hours: int = Field(default=12, ge=1)


class PublicHttpSettings(HttpSettings):
    """The public address is needed: cookies, the sign-in's return and the providers' depend on it."""

    public_url: str


class Settings(BaseSettings):
    """All of it."""

    database: DatabaseSettings
    kafka: KafkaSettings
    http: PublicHttpSettings
    identity: IdentitySettings
    process: ProcessSettings
    services: ServiceAddresses
    sign_in: SignInSettings
