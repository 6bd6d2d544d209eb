import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from build_chassis import a_key
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey

from chassis.problems import Problem
from chassis.service_tokens import Caller, Gate, ServiceSigner
from chassis.settings import IdentitySettings

PRIVATE, PUBLIC = a_key()
GATE = Gate("stub-svc", {"sync-svc": PUBLIC, "front": PUBLIC}, {"front": ["admin", "member"]})


def token_of(claims: dict[str, Any], key: Any = None, algorithm: str = "Ed25519") -> str:
    key = key or OKPKey.import_key(json.loads(PRIVATE))
    return "Bearer " + jwt.encode({"alg": algorithm}, claims, key, algorithms=[algorithm])


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"iss": "sync-svc", "aud": "stub-svc", "sub": "sync-svc", "business_id": "biz_1", "role": "service"}
    return {
        name: value for name, value in (good | {"iat": now, "exp": now + 60} | changes).items() if value is not None
    }


async def test_a_signed_token_names_service_subject_business_and_role() -> None:
    token = ServiceSigner("front", PRIVATE).token("stub-svc", "usr_1", "biz_1", "admin")

    assert await GATE.caller(f"Bearer {token}") == Caller("front", "usr_1", "biz_1", "admin")


async def test_a_token_is_good_for_a_minute() -> None:
    token = ServiceSigner("front", PRIVATE).token("stub-svc", "usr_1", "biz_1", "admin")
    claimed = jwt.decode(token, OKPKey.import_key(PUBLIC), algorithms=["Ed25519"]).claims

    assert claimed["exp"] - claimed["iat"] == 60


REFUSED = {
    "none": None,
    "another scheme": "Basic dXNlcjpwYXNz",
    "no token": "Bearer",
    "not a token": "Bearer nonsense",
    "not JSON": "Bearer a.b.c",
    "expired": token_of(claims(exp=int(time.time()) - 10)),
    "without expiry": token_of(claims(exp=None)),
    "another audience": token_of(claims(aud="other-svc")),
    "without audience": token_of(claims(aud=None)),
    "unknown issuer": token_of(claims(iss="stranger")),
    "issuer that is no text": token_of(claims(iss=["sync-svc"])),
    "without business": token_of(claims(business_id=None)),
    "without role": token_of(claims(role=None)),
    "signed by somebody else": token_of(claims(), OKPKey.generate_key("Ed25519")),
    "signed with the public key as a password": token_of(claims(), OctKey.import_key(PUBLIC["x"] * 2), "HS256"),
    "not signed": "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJzeW5jLXN2YyJ9.",
}


@pytest.mark.parametrize("authorization", REFUSED.values(), ids=REFUSED.keys())
async def test_a_token_we_cannot_believe_is_401_and_says_no_more(authorization: str | None) -> None:
    with pytest.raises(Problem) as refused:
        await GATE.caller(authorization)

    assert refused.value.status_code == 401
    assert refused.value.headers == {"WWW-Authenticate": "Bearer"}
    assert refused.value.detail == "The token is missing or not valid."


@pytest.mark.parametrize(("service", "role"), [("sync-svc", "admin"), ("front", "service"), ("front", "operator")])
async def test_a_role_that_is_not_the_callers_to_bring_is_403(service: str, role: str) -> None:
    with pytest.raises(Problem) as refused:
        await GATE.caller(token_of(claims(iss=service, role=role)))

    assert refused.value.status_code == 403


class Issuer:
    """An OpenID Connect issuer's key page, and tokens of it."""

    def __init__(self) -> None:
        self.keys = {"first": ECKey.generate_key("P-256", {"kid": "first"})}
        self.asked = 0
        issuer = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                body = json.dumps(KeySet(list(issuer.keys.values())).as_dict()).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Page)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, key_id: str = "first", **changes: Any) -> str:
        key = self.keys.get(key_id) or ECKey.generate_key("P-256")
        said = claims(iss="https://issuer.example", sub="upstream", role="publisher", **changes)
        return "Bearer " + jwt.encode({"alg": "ES256", "kid": key_id}, said, key)

    def gate(self) -> Gate:
        return Gate("stub-svc", {}, oidc_issuer="https://issuer.example", oidc_jwks_url=self.url)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


async def test_a_program_brings_a_token_of_the_issuer(issuer: Issuer) -> None:
    assert await issuer.gate().caller(issuer.token()) == Caller(None, "upstream", "biz_1", "publisher")


async def test_the_gate_of_the_settings_lets_in_peers_with_their_roles_and_programs(issuer: Issuer) -> None:
    settings = IdentitySettings(
        service_key=PRIVATE,
        peers={"front": PUBLIC},
        accepts={"front": ("admin",)},
        oidc_issuer="https://issuer.example",
        oidc_jwks_url=issuer.url,
    )
    gate = settings.gate("stub-svc")

    assert (await gate.caller(token_of(claims(iss="front", role="admin")))).role == "admin"
    assert await gate.caller(issuer.token()) == Caller(None, "upstream", "biz_1", "publisher")
    with pytest.raises(Problem) as refused:
        await gate.caller(token_of(claims(iss="front", role="member")))
    assert refused.value.status_code == 403


async def test_the_issuers_keys_are_fetched_once_and_again_for_a_new_key_but_not_for_every_invented_one(
    issuer: Issuer,
) -> None:
    gate = issuer.gate()
    for _ in range(3):
        await gate.caller(issuer.token())
    assert issuer.asked == 1

    issuer.keys["second"] = ECKey.generate_key("P-256", {"kid": "second"})
    gate._issuer_keys._asked_at -= 11
    await gate.caller(issuer.token("second"))
    assert issuer.asked == 2

    for number in range(5):
        with pytest.raises(Problem):
            await gate.caller(issuer.token(f"invented-{number}"))
    assert issuer.asked == 2


@pytest.mark.parametrize("changes", [{"aud": "other-svc"}, {"business_id": None}, {"exp": 1}])
async def test_a_token_of_the_issuer_is_checked_like_any_other(issuer: Issuer, changes: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        await issuer.gate().caller(issuer.token(**changes))

    assert refused.value.status_code == 401


async def test_an_issuer_that_is_away_is_an_outage_and_no_refusal_however_often_one_asks(issuer: Issuer) -> None:
    gate = Gate("stub-svc", {}, oidc_issuer="https://issuer.example", oidc_jwks_url="http://127.0.0.1:1/jwks")

    for _ in range(3):
        with pytest.raises(OSError, match="refused"):
            await gate.caller(issuer.token())


async def test_keys_that_are_known_are_believed_on_while_their_issuer_is_away_and_asked_for_again_soon(
    issuer: Issuer,
) -> None:
    gate = issuer.gate()
    await gate.caller(issuer.token())
    gate._issuer_keys._url, url = "http://127.0.0.1:1/jwks", gate._issuer_keys._url
    gate._issuer_keys._asked_at -= 601

    await gate.caller(issuer.token())
    assert issuer.asked == 1

    gate._issuer_keys._url = url
    gate._issuer_keys._asked_at -= 11
    await gate.caller(issuer.token())
    assert issuer.asked == 2
