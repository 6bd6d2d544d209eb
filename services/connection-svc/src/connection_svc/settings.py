"""What this service is told from outside, as RELINK_ variables. Only `main` reads it."""

import base64
import binascii
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from chassis.settings import DatabaseSettings, HttpSettings, IdentitySettings, KafkaSettings, ProcessSettings
from connection_svc.store.sealing import KEY_BYTES
from providers import ProviderSettings


def _whole_key(secret: SecretStr) -> SecretStr:
    try:
        key = base64.b64decode(secret.get_secret_value(), validate=True)
    except binascii.Error:
        raise ValueError("is not base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"has {len(key)} bytes, not {KEY_BYTES}")
    return secret


class KeyRing(BaseModel):
    """The keys that tokens are sealed under: base64 of 32 random bytes by key id. `current` seals, all of them open."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: dict[str, Annotated[SecretStr, AfterValidator(_whole_key)]]
    current: str

    @field_validator("current")
    @classmethod
    def _is_in_the_ring(cls, current: str, info: ValidationInfo) -> str:
        if current not in info.data.get("keys", {current}):
            raise ValueError(f"names key {current}, which is not in the ring")
        return current

    def key_bytes(self) -> dict[str, bytes]:
        """The keys themselves."""
        return {key_id: base64.b64decode(key.get_secret_value()) for key_id, key in self.keys.items()}


class PublicHttpSettings(HttpSettings):
    """`public_url` is where browsers reach `/oauth`: the providers know it as the redirect address."""

    public_url: str


class Settings(BaseSettings):
    """All of it."""

    database: DatabaseSettings
    kafka: KafkaSettings
    http: PublicHttpSettings
    identity: IdentitySettings
    process: ProcessSettings
    providers: ProviderSettings
    key_ring: KeyRing
    web_url: str
    """Where the web pages are: nobody is sent anywhere else after a login. On the host of `http.public_url`."""
    consent_days: int = Field(default=365, ge=1)
    """How long a consent counts."""
    limits_factor: int = Field(default=1, ge=1)
    """How many times the calls that providers' own limits allow are made: practice providers may allow more."""
    paused_providers: frozenset[str] = frozenset()
    """To whose logins nobody is sent for now, by their names. What is connected goes on working."""
    issuers: dict[str, str] = {}
    """How a provider names itself as `iss` in its callback; for providers that do."""

    @field_validator("web_url")
    @classmethod
    def _shares_its_cookies(cls, web_url: str, info: ValidationInfo) -> str:
        http = info.data.get("http")
        if http is not None and urlsplit(web_url).hostname != urlsplit(http.public_url).hostname:
            raise ValueError("is on another host than HTTP__PUBLIC_URL: the cookie of the pages would not get there")
        return web_url

    @field_validator("paused_providers")
    @classmethod
    def _are_known(cls, paused: frozenset[str]) -> frozenset[str]:
        if unknown := paused - ProviderSettings.model_fields.keys():
            raise ValueError(f"names {', '.join(sorted(unknown))}, which is no provider")
        return paused

    @property
    def consent(self) -> timedelta:
        return timedelta(days=self.consent_days)
