"""What the simulator is told from outside: environment variables that begin with RELINK_SIM__."""

import os
import sys
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "RELINK_SIM__"


class OAuthClient(BaseModel):
    """One registered application. Redirect URIs are compared exactly, as the real providers do."""

    client_id: str
    client_secret: SecretStr
    redirect_uris: list[str]


class SimulatorSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")

    host: str
    port: int
    public_url: str
    state_file: Path
    limits_factor: int = Field(default=1, ge=1)
    clock_offset_file: Path | None = None
    xero: OAuthClient
    quickbooks: OAuthClient
    sage: OAuthClient
    freeagent: OAuthClient
    oidc: OAuthClient


def load() -> SimulatorSettings:
    """The settings, or one sentence a problem on standard error and exit code 2."""
    problems = [f"{name} is not a setting of the simulator" for name in _unknown_variables()]
    try:
        settings = SimulatorSettings()
    except ValidationError as error:
        problems += [f"{_variable(item['loc'])}: {item['msg']}" for item in error.errors(include_input=False)]
    if problems:
        sys.stderr.write("\n".join(problems) + "\n")
        raise SystemExit(2)
    return settings


def _unknown_variables() -> list[str]:
    known: set[str] = set()
    for name, field in SimulatorSettings.model_fields.items():
        known.add(_variable((name,)))
        if field.annotation is OAuthClient:
            known |= {_variable((name, inner)) for inner in OAuthClient.model_fields}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def _variable(location: tuple[int | str, ...]) -> str:
    return PREFIX + "__".join(str(part).upper() for part in location)
