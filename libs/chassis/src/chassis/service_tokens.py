"""Who calls, and for whom: short-lived tokens between services, and those of an OpenID Connect issuer for programs."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from chassis.problems import Problem

_LIFETIME_SECONDS, _KEYS_FRESH_SECONDS, _KEYS_RETRY_SECONDS = 60, 600.0, 10.0
_OIDC_ALGORITHMS: Final = ["RS256", "PS256", "ES256", "Ed25519", "EdDSA"]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Caller:
    """`service` signed the call; None for a program with a token of the OpenID Connect issuer."""

    service: str | None
    subject: str
    business_id: str
    role: str  # admin, member, publisher, accountant, operator; service for one that speaks for itself


class ServiceSigner:
    """Signs as `service`. Tokens are good for 60 seconds and one audience: make one per call."""

    def __init__(self, service: str, private_jwk: str) -> None:
        self._service, self._key = service, OKPKey.import_key(json.loads(private_jwk))

    def token(self, audience: str, subject: str, business_id: str, role: str) -> str:
        now = int(time.time())
        claims = {"iss": self._service, "aud": audience, "sub": subject, "business_id": business_id, "role": role}
        times = {"iat": now, "exp": now + _LIFETIME_SECONDS}
        return jwt.encode({"alg": "Ed25519"}, claims | times, self._key, algorithms=["Ed25519"])


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
        self._audience, self._accepts, self._issuer = audience, accepts or {}, oidc_issuer
        self._peers = {name: OKPKey.import_key(dict(key)) for name, key in peers.items()}
        self._issuer_keys = _IssuerKeys(oidc_jwks_url) if oidc_jwks_url else None

    async def caller(self, authorization: str | None) -> Caller:
        """The caller by the value of the Authorization header.

        Raises Problem: 401 for no token or none that we believe (why is for our log alone), 403 for a role that is not
        the caller's to bring. Raises OSError when the issuer's keys are needed and cannot be had.
        """
        try:
            return await self._caller(authorization or "")
        except (JoseError, ValueError, TypeError, LookupError) as error:
            _log.info("caller.refused", reason=f"{type(error).__name__}: {error}")
        detail, headers = "The token is missing or not valid.", {"WWW-Authenticate": "Bearer"}
        raise Problem(401, "unauthenticated", "Sign in first", detail, headers=headers)

    async def _caller(self, authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise ValueError("no bearer token")
        # What the token claims, to find the key that must have signed it. Nothing of it is believed yet.
        claimed = jws.extract_compact(token.encode())
        issuer = str(dict(json.loads(claimed.payload))["iss"])
        if self._issuer_keys is not None and issuer == self._issuer:
            keys = await self._issuer_keys.with_key(claimed.headers().get("kid"))
            claims = self._verified(token, keys, _OIDC_ALGORITHMS)
            return Caller(None, claims["sub"], claims["business_id"], claims["role"])
        claims = self._verified(token, self._peers[issuer], ["Ed25519"])
        if claims["role"] not in self._accepts.get(issuer, ("service",)):
            raise Problem(403, "forbidden", "Not allowed", f"{issuer} may not call as {claims['role']}.")
        return Caller(issuer, claims["sub"], claims["business_id"], claims["role"])

    def _verified(self, token: str, key: OKPKey | KeySet, algorithms: list[str]) -> dict[str, Any]:
        claims = jwt.decode(token, key, algorithms=algorithms).claims
        needed: dict[str, Any] = {name: {"essential": True} for name in ("exp", "sub", "business_id", "role")}
        needed["aud"] = {"essential": True, "value": self._audience}
        jwt.JWTClaimsRegistry(leeway=5, **needed).validate(claims)
        return claims


class _IssuerKeys:
    """The issuer's public keys, fetched when needed and fresh for ten minutes, or until an issuer that is away is back.

    They are asked for again at once when a key id is unknown, but not more often than every ten seconds, or anybody
    could make us ask the issuer by inventing ids.
    """

    def __init__(self, url: str) -> None:
        self._url, self._keys, self._lock = url, KeySet([]), asyncio.Lock()
        self._asked_at = -_KEYS_FRESH_SECONDS
        self._outage: OSError | None = None

    async def with_key(self, key_id: str | None) -> KeySet:
        async with self._lock:
            age = time.monotonic() - self._asked_at
            known = any(key.kid == key_id for key in self._keys.keys)
            if age > (_KEYS_FRESH_SECONDS if known and not self._outage else _KEYS_RETRY_SECONDS):
                self._asked_at, self._outage = time.monotonic(), None
                try:
                    self._keys = KeySet.import_key_set(await asyncio.to_thread(self._fetch))
                except OSError as outage:
                    self._outage = outage
            if self._outage and not known:
                raise self._outage  # it may be a key of theirs
        return self._keys

    def _fetch(self) -> Any:
        with urllib.request.urlopen(self._url, timeout=5) as answer:  # noqa: S310 - the address is a setting of ours
            return json.load(answer)
