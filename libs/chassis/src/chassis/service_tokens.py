"""Who calls, and for whom: short-lived tokens between services, and those of an OpenID Connect issuer for programs."""

import asyncio
import base64
import json
import time
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

Role = Literal["admin", "member", "publisher", "accountant", "operator", "service"]

SERVICE: Final = "service"
_LIFETIME_SECONDS: Final = 60
_LEEWAY_SECONDS: Final = 5
_KEYS_FRESH_SECONDS: Final = 600.0
_KEYS_RETRY_SECONDS: Final = 10.0
_OIDC_ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]


@dataclass(frozen=True)
class Caller:
    """`service` signed the call; None for a program with a token of the OpenID Connect issuer."""

    service: str | None
    subject: str
    business_id: str
    role: str


class Unauthenticated(Exception):
    """No token, or none that we believe. Says why for our log; the caller is told no more than 401."""


class Forbidden(Exception):
    """We know who it is: this role is not his to bring."""


class ServiceSigner:
    """Signs as `service`. Tokens are good for 60 seconds and one audience: make one per call."""

    def __init__(self, service: str, private_jwk: str) -> None:
        self._service = service
        self._key = OKPKey.import_key(json.loads(private_jwk))

    def token(self, audience: str, subject: str, business_id: str, role: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self._service,
            "aud": audience,
            "sub": subject,
            "business_id": business_id,
            "role": role,
            "iat": now,
            "exp": now + _LIFETIME_SECONDS,
        }
        return jwt.encode({"alg": "Ed25519"}, claims, self._key, algorithms=["Ed25519"])


class Gate:
    """Decides whom `audience` listens to.

    A token is one of a peer, by its public key, or one of the OpenID Connect issuer. A peer may bring the roles that
    `accepts` lists for it, and only `service` when it is not listed: so nobody speaks for a person by default.
    """

    def __init__(
        self,
        audience: str,
        peers: Mapping[str, Mapping[str, str]],
        accepts: Mapping[str, Collection[str]] | None = None,
        *,
        oidc_issuer: str | None = None,
        oidc_jwks_url: str | None = None,
    ) -> None:
        self._audience = audience
        self._peers = {name: OKPKey.import_key(dict(key)) for name, key in peers.items()}
        self._accepts = accepts or {}
        self._issuer = oidc_issuer
        self._issuer_keys = _IssuerKeys(oidc_jwks_url) if oidc_jwks_url else None

    async def caller(self, authorization: str | None) -> Caller:
        """The caller by the value of the Authorization header. Raises Unauthenticated, Forbidden."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("no bearer token")
        issuer = _unverified(token, "payload").get("iss")
        if issuer in self._peers:
            return self._peer(issuer, token)
        if self._issuer_keys is not None and issuer == self._issuer:
            return await self._program(token, self._issuer_keys)
        raise Unauthenticated(f"issuer {issuer!r} is not known here")

    def _peer(self, service: str, token: str) -> Caller:
        claims = self._claims(token, self._peers[service], ["Ed25519"])
        role = claims["role"]
        if role not in self._accepts.get(service, (SERVICE,)):
            raise Forbidden(f"{service} may not call as {role}")
        return Caller(service, claims["sub"], claims["business_id"], role)

    async def _program(self, token: str, keys: "_IssuerKeys") -> Caller:
        key_id = _unverified(token, "header").get("kid")
        claims = self._claims(token, await keys.with_key(key_id), _OIDC_ALGORITHMS)
        return Caller(None, claims["sub"], claims["business_id"], claims["role"])

    def _claims(self, token: str, key: OKPKey | KeySet, algorithms: list[str]) -> dict[str, Any]:
        try:
            claims = jwt.decode(token, key, algorithms=algorithms).claims
            jwt.JWTClaimsRegistry(
                leeway=_LEEWAY_SECONDS,
                iss={"essential": True},
                aud={"essential": True, "value": self._audience},
                exp={"essential": True},
                sub={"essential": True},
                business_id={"essential": True},
                role={"essential": True},
            ).validate(claims)
        except (JoseError, ValueError) as error:
            raise Unauthenticated(f"{type(error).__name__}: {error}") from None
        return claims


class _IssuerKeys:
    """The issuer's public keys, fetched when needed.

    Ten minutes fresh; asked for again at once when a key id is unknown, but not more often than every ten seconds, or anybody could make us ask the issuer by inventing ids.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys = KeySet([])
        self._ids: set[str | None] = set()
        self._asked_at = -_KEYS_FRESH_SECONDS
        self._lock = asyncio.Lock()

    async def with_key(self, key_id: str | None) -> KeySet:
        async with self._lock:
            age = time.monotonic() - self._asked_at
            if age > _KEYS_FRESH_SECONDS or (key_id not in self._ids and age > _KEYS_RETRY_SECONDS):
                self._asked_at = time.monotonic()
                try:
                    self._keys = KeySet.import_key_set(await asyncio.to_thread(self._fetch))
                except (OSError, ValueError, JoseError) as error:
                    raise Unauthenticated(f"the issuer's keys cannot be read: {error}") from error
                self._ids = {key.kid for key in self._keys.keys}
        return self._keys

    def _fetch(self) -> Any:
        with urllib.request.urlopen(self._url, timeout=5) as answer:  # noqa: S310 - the address is a setting of ours
            return json.load(answer)


def _unverified(token: str, part: Literal["header", "payload"]) -> dict[str, Any]:
    """What the token claims, to find the key that must have signed it. Nothing of it is believed yet."""
    pieces = token.split(".")
    try:
        piece = pieces[0 if part == "header" else 1]
        claimed = json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)))
    except (IndexError, ValueError):
        raise Unauthenticated("not a token") from None
    if not isinstance(claimed, dict):
        raise Unauthenticated("not a token")
    return claimed
