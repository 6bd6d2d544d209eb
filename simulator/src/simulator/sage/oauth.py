"""Practice Sage's login, token and revocation endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from simulator import grants
from simulator.calls import Answer, Call, json_answer
from simulator.grants import AccessToken, Grant, oauth_error
from simulator.journal import Effect
from simulator.pages import Consent, LoginFace, Scenario
from simulator.rotating import TokenServer
from simulator.sage.formats import PROVIDER, UNAUTHORISED, fixed_id, refuse
from simulator.settings import OAuthClient
from simulator.state import Tx

CODE_LIFETIME = timedelta(seconds=60)
ACCESS_LIFETIME = timedelta(seconds=300)
REFRESH_LIFETIME = timedelta(seconds=2_678_400)
FULL_ACCESS, READ_ONLY = "full_access", "readonly"
SCOPES = {
    FULL_ACCESS: "Read and write everything in your businesses",
    READ_ONLY: "Read everything in your businesses",
}


def login_face(client: OAuthClient) -> LoginFace:
    return LoginFace(
        provider=PROVIDER,
        display_name="Sage Accounting",
        client=client,
        scopes=SCOPES,
        missing_scope=FULL_ACCESS,
        scenarios=list(Scenario),
        invented_organisation="Locked Holdings Ltd",
        agree=_agree,
    )


def _agree(tx: Tx, consent: Consent, now: datetime) -> Mapping[str, str]:
    """What is chosen on the page stands for the businesses that the person has: a real login reaches them all."""
    grant_id = str(uuid4())
    code = grants.consent(
        tx,
        grant_id=grant_id,
        request=consent.request,
        user=consent.user,
        scopes=consent.scopes,
        organisation=None,
        code_lifetime=CODE_LIFETIME,
        at=now,
    )
    tx.executemany("INSERT INTO reached VALUES (?, ?)", [(grant_id, one) for one in consent.organisations])
    return {"code": code, "country": "GB"}


@dataclass(frozen=True)
class SageIdentity:
    """The host oauth.accounting.sage.com."""

    client: OAuthClient

    def token(self, call: Call, tx: Tx) -> Answer:
        server = TokenServer(PROVIDER, self.client, ACCESS_LIFETIME, REFRESH_LIFETIME, _scope_and_person)
        return server.answer(call, tx)

    def revoke(self, call: Call, tx: Tx) -> Answer:
        """Ends a refresh token; access tokens cannot be revoked and die of age."""
        form = grants.form_of(call)
        grants.require_client(call, form, self.client, refused_with=401)
        token = grants.find_refresh_token(tx, PROVIDER, form.get("token", ""))
        if token is None:
            return oauth_error("invalid_request")
        grants.end(tx, token.grant.id, at=call.now)
        return json_answer({"success": "ok"}, effect=Effect("revocation", token.grant.id))


def _scope_and_person(grant: Grant) -> dict[str, str]:
    return {"scope": " ".join(grant.scopes), "requested_by_id": fixed_id("user", grant.user)}


def authenticated(call: Call, tx: Tx) -> AccessToken:
    """The caller's token, also of a consent that has ended, or Sage's refusal of it."""
    token = grants.bearer(call)
    found = grants.find_access_token(tx, PROVIDER, token) if token else None
    if found is None or found.expires_at <= call.now:
        raise refuse(401, UNAUTHORISED)
    return found


def businesses_of(tx: Tx, grant_id: str) -> list[str]:
    """The lead business first."""
    rows = tx.execute(
        "SELECT organisations.id FROM reached JOIN organisations ON organisations.id = reached.organisation"
        " WHERE reached.grant_id = ? AND organisations.provider = ? ORDER BY organisations.position",
        (grant_id, PROVIDER),
    )
    return [row["id"] for row in rows]
