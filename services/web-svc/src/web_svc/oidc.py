"""Sign-in at the identity provider: OpenID Connect, authorization code with PKCE."""

from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ValidationError

ALGORITHMS = ["RS256", "ES256", "EdDSA"]
TIMEOUT_SECONDS = 10.0


class SignInFailed(Exception):
    """What came back proves nothing about anybody."""


class IdentityProviderUnavailable(Exception):
    """The identity provider does not answer now."""


class Discovery(BaseModel):
    """What the issuer says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True)
class Departure:
    """Where to send the browser, and what must come back."""

    url: str
    state: str
    nonce: str
    verifier: str


class IdentityProvider:
    """One issuer. What it says of itself is read once; its keys again for each sign-in, so that they may rotate."""

    def __init__(  # noqa: PLR0913 - what an issuer and a client are to each other
        self,
        *,
        issuer: str,
        inside_url: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        transport: httpx2.AsyncBaseTransport,
    ) -> None:
        self._issuer, self._inside_url = issuer, inside_url
        self._client_id, self._client_secret = client_id, client_secret
        self._redirect_uri, self._transport = redirect_uri, transport
        self._discovery: Discovery | None = None

    async def depart(self) -> Departure:
        """Prepare one sign-in. Raises IdentityProviderUnavailable and SignInFailed."""
        endpoint = (await self._discover()).authorization_endpoint
        nonce, verifier = generate_token(32), generate_token(64)
        url, state = self._client().create_authorization_url(endpoint, code_verifier=verifier, nonce=nonce)
        return Departure(url, state, nonce, verifier)

    async def arrive(self, *, code: str, verifier: str, nonce: str) -> str:
        """The user id of whoever signed in. Raises SignInFailed and IdentityProviderUnavailable."""
        discovery = await self._discover()
        try:
            token = await self._client().fetch_token(
                self._inside(discovery.token_endpoint),
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
            )
        except OAuthError as problem:
            raise SignInFailed(str(problem)) from problem
        except (httpx2.HTTPError, ValueError) as problem:
            raise IdentityProviderUnavailable from problem
        keys = await self._read(self._inside(discovery.jwks_uri))
        return self._subject_of(token.get("id_token", ""), keys, nonce)

    def _subject_of(self, id_token: str, keys: Any, nonce: str) -> str:
        rules = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            claims = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
            rules.validate(claims)
        except (JoseError, ValueError) as problem:
            raise SignInFailed(str(problem)) from problem
        return str(claims["sub"])

    def _client(self) -> AsyncOAuth2Client:
        """A client per use, since it remembers the last token. The transport and its connections are shared."""
        return AsyncOAuth2Client(
            self._client_id,
            self._client_secret,
            scope="openid profile",
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            transport=self._transport,
            timeout=TIMEOUT_SECONDS,
        )

    async def _discover(self) -> Discovery:
        if self._discovery is None:
            found = await self._read(f"{self._inside_url}/.well-known/openid-configuration")
            try:
                discovery = Discovery.model_validate(found)
            except ValidationError as problem:
                raise SignInFailed("the issuer's description of itself is incomplete") from problem
            if discovery.issuer != self._issuer:
                raise SignInFailed(f"the issuer calls itself {discovery.issuer}, not {self._issuer}")
            self._discovery = discovery
        return self._discovery

    def _inside(self, url: str) -> str:
        """An address of the issuer's as it is reached from here, where browsers reach it under another one."""
        return url.replace(self._issuer, self._inside_url, 1)

    async def _read(self, url: str) -> Any:
        try:
            answer = await self._client().request("GET", url, withhold_token=True)
            answer.raise_for_status()
        except httpx2.HTTPError as problem:
            raise IdentityProviderUnavailable from problem
        return answer.json()
