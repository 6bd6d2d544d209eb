"""The RSA key that signs access and identity tokens; made once, then kept in the state file."""

from dataclasses import dataclass

from joserfc import jwt
from joserfc.jwk import RSAKey

from simulator.encoding import Json, dumps, loads
from simulator.state import Tx


@dataclass(frozen=True)
class SigningKey:
    key: RSAKey

    def sign(self, claims: Json) -> str:
        return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": self.key.kid}, claims, self.key)

    def public_set(self) -> Json:
        return {"keys": [{**self.key.as_dict(private=False), "use": "sig", "alg": "RS256", "kid": self.key.kid}]}


def signing_key(tx: Tx) -> SigningKey:
    row = tx.execute("SELECT value FROM facts WHERE name = 'signing_key'").fetchone()
    if row:
        return SigningKey(RSAKey.import_key(loads(row["value"])))
    key = RSAKey.generate_key(2048, auto_kid=True)
    tx.execute("INSERT INTO facts VALUES ('signing_key', ?)", (dumps({**key.as_dict(private=True), "kid": key.kid}),))
    return SigningKey(key)
