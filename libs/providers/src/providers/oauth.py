"""OAuth 2.0 as both providers speak it: authorisation code with PKCE, refresh, HTTP Basic client authentication."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from pydantic import SecretStr

from providers.errors import GrantRefused, ProviderUnavailable
from providers.http import parsed, parsed_if_json, refuse_unusable, send

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True)
class OAuthClient:
    """Who we are to one provider's authorisation server."""

    http: httpx2.AsyncClient
    authorize_url: str
    token_url: str
    client_id: str
    client_secret: SecretStr

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

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        """The token response for a login's code."""
        body = prepare_token_request("authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=verifier)
        return await self._ask_for_token(body, refused="code_refused")

    async def refresh(self, refresh_token: str) -> dict[str, Any]:
        """The token response for a refresh token."""
        body = prepare_token_request("refresh_token", refresh_token=refresh_token)
        return await self._ask_for_token(body, refused="grant_revoked")

    async def revoke(self, url: str, *, content: str, headers: Mapping[str, str]) -> None:
        """End the grant of the token in `content`. A token that is dead already is what was wanted."""
        response = await self._post(url, content, headers)
        refuse_unusable(response, writes=False)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise ProviderUnavailable("client_refused", "revocation")

    async def _post(self, url: str, content: str, headers: Mapping[str, str]) -> httpx2.Response:
        request = self.http.build_request("POST", url, content=content, headers=dict(headers))
        auth = httpx2.BasicAuth(self.client_id, self.client_secret.get_secret_value())
        return await send(self.http, request, writes=False, auth=auth)

    async def _ask_for_token(self, body: str, *, refused: str) -> dict[str, Any]:
        response = await self._post(self.token_url, body, FORM)
        refuse_unusable(response, writes=False)
        if response.is_success:
            return _complete(parsed(response, writes=False))
        answer = parsed_if_json(response)
        error = str(answer.get("error", "")) if isinstance(answer, dict) else ""
        if error == "invalid_grant":
            raise GrantRefused(refused)
        # Any other code (invalid_client, unauthorized_client, …) is about us: were it taken for the
        # customer's grant, one wrong secret in a deployment would expire every connection.
        raise ProviderUnavailable("client_refused", error or f"HTTP {response.status_code}")


def _complete(answer: Any) -> dict[str, Any]:
    """The token response, if it holds what a grant is made of."""
    if not isinstance(answer, dict) or not {"access_token", "refresh_token", "expires_in"} <= answer.keys():
        raise ProviderUnavailable("malformed", "token response")
    return answer
