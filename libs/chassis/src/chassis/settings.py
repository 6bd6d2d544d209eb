"""Typed settings from the environment. A service that is set wrongly does not start, and says which variable it is."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsError

from chassis import failpoints
from chassis.clock import Clock, OffsetClock, SystemClock
from chassis.service_tokens import Gate

PREFIX, _FOR_TESTS = "RELINK_", "RELINK_TEST_"
S = TypeVar("S", bound=BaseSettings)


def _private_key(secret: SecretStr) -> SecretStr:
    try:
        key = OKPKey.import_key(json.loads(secret.get_secret_value()))
    except (JoseError, ValueError, KeyError):
        raise ValueError("is not an Ed25519 key in JWK form") from None
    if not key.is_private:
        raise ValueError("is only a public key")
    return secret


LongSecret = Annotated[SecretStr, Field(min_length=32)]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(_Group):
    """`url` may pass a transaction pooler; `direct_url` must not, and is `url` when there is no pooler."""

    url: SecretStr
    direct_url: SecretStr | None = None
    max_size: int = Field(default=10, ge=2)

    @property
    def direct(self) -> SecretStr:
        return self.direct_url or self.url


class KafkaSettings(_Group):
    bootstrap_servers: str


class HttpSettings(_Group):
    host: str
    port: int
    public_url: str | None = None


class IdentitySettings(_Group):
    """Our own key, whom we listen to, and which roles each may bring; one that `accepts` omits is a service only."""

    service_key: Annotated[SecretStr, AfterValidator(_private_key)]
    peers: dict[str, dict[str, str]]
    accepts: dict[str, tuple[str, ...]] = {}
    oidc_issuer: str | None = None
    oidc_jwks_url: str | None = None

    def gate(self, audience: str) -> Gate:
        return Gate(audience, self.peers, self.accepts, oidc_issuer=self.oidc_issuer, oidc_jwks_url=self.oidc_jwks_url)


class ProcessSettings(_Group):
    environment: Literal["local", "production", "test"]
    clock_offset_file: Path | None = None
    log_level: str = "info"
    otlp_endpoint: str | None = None

    @model_validator(mode="after")
    def _production_is_no_test(self) -> Self:
        if self.environment == "production" and (self.clock_offset_file or failpoints.ARMED):
            raise ValueError("is production, which takes neither a clock offset nor failpoints")
        return self

    def clock(self) -> Clock:
        return SystemClock() if self.clock_offset_file is None else OffsetClock(self.clock_offset_file)


def load(settings: type[S]) -> S:
    """The settings, or one sentence per mistake on stderr and exit code 2. No value is ever shown.

    Mistakes are an unknown RELINK_ variable, a missing one, and one that does not fit its type.
    """
    known = {f"{PREFIX}{name.upper()}" for name in settings.model_fields}
    ours = {name for name in map(str.upper, os.environ) if name.startswith(PREFIX) and not name.startswith(_FOR_TESTS)}
    mistakes = [f"{name} is not a setting." for name in sorted(ours) if name.partition("__")[0] not in known]
    try:
        loaded = settings(_env_prefix=PREFIX, _env_nested_delimiter="__")
    except ValidationError as error:
        mistakes += [_sentence(problem["loc"], problem["type"], problem["msg"]) for problem in error.errors()]
    except SettingsError as error:
        mistakes.append(f"{PREFIX}{str(error).split(chr(34))[1].upper()} is not valid JSON.")
    if mistakes:
        print(*mistakes, sep="\n", file=sys.stderr)  # noqa: T201 - there is no logger before there are settings
        raise SystemExit(2)
    return loaded


def _sentence(location: tuple[int | str, ...], kind: str, message: str) -> str:
    known = {"missing": "is missing", "extra_forbidden": "is not a setting", "too_short": "is too short"}
    return f"{PREFIX}{'__'.join(map(str, location)).upper()} {known.get(kind, message.removeprefix('Value error, '))}."
