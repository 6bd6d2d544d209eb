"""OAuth 2.0 as the providers speak it: authorisation code with PKCE, refresh, a client with a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any
from urllib.parse import urlencode

import httpx2
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from pydantic import SecretStr

from providers.errors import GrantRefused, ProviderUnavailable
from providers.http import parsed, parsed_if_json, refuse_unusable, send, well_formed
from providers.models import Grant, is_sendable
from providers.settings import ClientSettings

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class Credentials(Enum):
    """Where our own id and secret go in a call to the authorisation server."""

    HEADER = auto()
    FORM = auto()


@dataclass(frozen=True)
class TokenAnswer:
    """A token response that holds what a grant is made of.

    `refresh_lives` is None where it does not say how long the refresh token lives, `scopes` where it names none.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    lives: timedelta
    refresh_lives: timedelta | None
    scopes: tuple[str, ...] | None


@dataclass(frozen=True)
class OAuthClient:
    """Who we are to one provider's authorisation server."""

    http: httpx2.AsyncClient
    authorize_url: str
    token_url: str
    client_id: str
    client_secret: SecretStr
    credentials: Credentials

    @classmethod
    def of(
        cls, settings: ClientSettings, http: httpx2.AsyncClient, credentials: Credentials = Credentials.HEADER
    ) -> "OAuthClient":
        return cls(
            http, settings.authorize_url, settings.token_url, settings.client_id, settings.client_secret, credentials
        )

    def authorise_url(
        self, scopes: tuple[str, ...], state: str, code_challenge: str, redirect_uri: str, login_hint: str | None
    ) -> str:
        """Where the browser goes; PKCE S256 is sent to every provider, and those that do not know it ignore it."""
        return str(
            prepare_grant_uri(
                self.authorize_url,
                self.client_id,
                "code",
                redirect_uri=redirect_uri,
                scope=" ".join(scopes),
                state=state,
                code_challenge=code_challenge,
                code_challenge_method="S256",
                login_hint=login_hint,
            )
        )

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> TokenAnswer:
        """The token response for a login's code."""
        body = prepare_token_request(
            "authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=verifier, **self._in_form()
        )
        return await self._ask_for_token(body, refused="code_refused")

    async def refresh(self, refresh_token: str) -> TokenAnswer:
        """The token response for a refresh token."""
        body = prepare_token_request("refresh_token", refresh_token=refresh_token, **self._in_form())
        return await self._ask_for_token(body, refused="grant_revoked")

    async def revoke(self, url: str, token: str) -> None:
        """End the grant of a token, which goes as a form (RFC 7009). See `revoke_with`."""
        await self.revoke_with(url, content=urlencode({"token": token, **self._in_form()}), headers=FORM)

    async def revoke_with(self, url: str, *, content: str, headers: Mapping[str, str]) -> None:
        """End the grant of the token in `content`. A token that is dead already is what was wanted."""
        response = await self._post(url, content, headers)
        refuse_unusable(response, writes=False)
        if response.status_code == httpx2.codes.UNAUTHORIZED or _error_in(response) == "invalid_client":
            raise ProviderUnavailable("client_refused", "revocation")

    def _in_form(self) -> dict[str, str]:
        if self.credentials is Credentials.HEADER:
            return {}
        return {"client_id": self.client_id, "client_secret": self.client_secret.get_secret_value()}

    async def _post(self, url: str, content: str, headers: Mapping[str, str]) -> httpx2.Response:
        request = self.http.build_request("POST", url, content=content, headers=dict(headers))
        in_header = self.credentials is Credentials.HEADER
        auth = httpx2.BasicAuth(self.client_id, self.client_secret.get_secret_value()) if in_header else None
        return await send(self.http, request, writes=False, auth=auth)

    async def _ask_for_token(self, body: str, *, refused: str) -> TokenAnswer:
        response = await self._post(self.token_url, body, FORM)
        refuse_unusable(response, writes=False)
        if response.is_success:
            with well_formed(writes=False):
                return _read(parsed(response, writes=False))
        error = _error_in(response)
        if error == "invalid_grant":
            raise GrantRefused(refused)
        # Any other code (invalid_client, unauthorized_client, …) is about us: were it taken for the
        # customer's grant, one wrong secret in a deployment would expire every connection.
        raise ProviderUnavailable("client_refused", error or f"HTTP {response.status_code}")


def grant_of(
    answer: TokenAnswer, now: datetime, *, lives_unused: timedelta | None, scopes: tuple[str, ...] | None
) -> Grant:
    """The grant in a token response. `lives_unused` is how long the refresh token does, where that is known."""
    with well_formed(writes=False):
        return Grant(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            access_expires_at=now + answer.lives,
            refresh_expires_at=now + lives_unused if lives_unused is not None else None,
            scopes=scopes or (),
        )


def _error_in(response: httpx2.Response) -> str:
    answer = parsed_if_json(response) if response.is_error else None
    return str(answer.get("error", "")) if isinstance(answer, dict) else ""


def _read(answer: Any) -> TokenAnswer:
    """The token response, if it is whole: otherwise what is stored could be worth nothing. Raises as `well_formed`."""
    refresh_lives = answer.get("x_refresh_token_expires_in") or answer.get("refresh_token_expires_in")
    scope = answer.get("scope")
    return TokenAnswer(
        _token(answer["access_token"]),
        _token(answer["refresh_token"]),
        _duration(answer["expires_in"]),
        _duration(refresh_lives) if refresh_lives else None,
        None if scope is None else _scopes(scope),
    )


def _token(value: Any) -> str:
    if not is_sendable(value):
        raise TypeError("not a token")
    return str(value)


def _scopes(value: Any) -> tuple[str, ...]:
    if value != "" and not is_sendable(value):
        raise TypeError("not scopes")
    return tuple(value.split())


def _duration(seconds: Any) -> timedelta:
    lasts = timedelta(seconds=int(seconds))
    if lasts <= timedelta(0):
        raise ValueError("over before it began")
    return lasts
