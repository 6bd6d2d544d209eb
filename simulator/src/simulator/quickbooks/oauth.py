"""Intuit's login and token server, as practice."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from simulator import grants
from simulator.calls import Answer, Call, Refusal, json_answer
from simulator.encoding import Json, loads
from simulator.grants import AccessToken, Grant, RefreshToken, oauth_error
from simulator.journal import Effect
from simulator.keys import SigningKey
from simulator.pages import Consent, LoginFace, Scenario
from simulator.quickbooks.formats import PROVIDER, traced, unauthenticated
from simulator.settings import OAuthClient
from simulator.state import Tx

ACCOUNTING = "com.intuit.quickbooks.accounting"
CODE_LIFETIME = timedelta(minutes=10)
ACCESS_LIFETIME = timedelta(hours=1)
REFRESH_IDLE_LIFETIME = timedelta(seconds=8_726_400)
VALUE_CHANGES_AFTER = timedelta(hours=24)
CONSENT_LIFETIME = timedelta(days=5 * 365)
SHORTEST_TOKEN = 20

SCOPES = {
    ACCOUNTING: "Read and write all accounting data",
    "com.intuit.quickbooks.payment": "Take payments",
    "openid": "Know who you are",
    "profile": "Know your name",
    "email": "Know your e-mail address",
    "phone": "Know your telephone number",
    "address": "Know your address",
}


def login_face(client: OAuthClient) -> LoginFace:
    """A consent names exactly one company, so two at once cannot happen."""
    return LoginFace(
        provider=PROVIDER,
        display_name="QuickBooks Online",
        client=client,
        scopes=SCOPES,
        missing_scope=ACCOUNTING,
        scenarios=[scenario for scenario in Scenario if scenario is not Scenario.TWO_ORGANISATIONS],
        invented_organisation="Locked Holdings Ltd",
        agree=_agree,
    )


def _agree(tx: Tx, consent: Consent, now: datetime) -> Mapping[str, str]:
    """The company comes back as realmId when accounting was granted."""
    realm = consent.organisations[0] if consent.organisations and ACCOUNTING in consent.scopes else None
    code = grants.consent(
        tx,
        grant_id=str(uuid4()),
        request=consent.request,
        user=consent.user,
        scopes=consent.scopes,
        organisation=realm,
        code_lifetime=CODE_LIFETIME,
        at=now,
    )
    return {"code": code, "realmId": realm} if realm else {"code": code}


@dataclass(frozen=True)
class IntuitIdentity:
    client: OAuthClient
    issuer: str
    key: SigningKey

    def discovery(self, _call: Call, _tx: Tx) -> Answer:
        return json_answer(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/oauth2/v1/tokens/bearer",
                "userinfo_endpoint": f"{self.issuer}/v1/openid_connect/userinfo",
                "revocation_endpoint": f"{self.issuer}/v2/oauth2/tokens/revoke",
                "jwks_uri": f"{self.issuer}/op/v1/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": list(SCOPES),
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "claims_supported": ["aud", "exp", "iat", "iss", "realmid", "sub"],
            }
        )

    def jwks(self, _call: Call, _tx: Tx) -> Answer:
        return json_answer(self.key.public_set())

    def token(self, call: Call, tx: Tx) -> Answer:
        form = grants.form_of(call)
        grants.require_client(call, form, self.client, refused_with=401)
        flows: dict[str | None, Callable[[], Answer]] = {
            "authorization_code": lambda: self._exchange(call, form, tx),
            "refresh_token": lambda: self._refresh(call, form, tx),
        }
        flow = flows.get(form.get("grant_type"))
        return traced(flow() if flow else oauth_error("unsupported_grant_type"))

    def _exchange(self, call: Call, form: Mapping[str, str], tx: Tx) -> Answer:
        """PKCE is checked whenever a challenge was sent; the real one is thought to ignore it."""
        grant = grants.redeem_code(tx, PROVIDER, form, at=call.now)
        if grant is None:
            return oauth_error("invalid_grant")
        refresh_token = self._new_refresh_token(call, grant, tx)
        return self._issue(call, grant, refresh_token, tx, "grant")

    def _refresh(self, call: Call, form: Mapping[str, str], tx: Tx) -> Answer:
        """The value stays for a day, then changes; a value that was replaced is dead at once."""
        token = grants.find_refresh_token(tx, PROVIDER, form.get("refresh_token", ""))
        if token is None or _is_dead(token, call.now):
            return json_answer({"error": "invalid_grant", "error_description": "Token invalid"}, 400)
        if call.now - token.issued_at >= VALUE_CHANGES_AFTER:
            grants.replace_refresh_token(tx, token.token, at=call.now)
            token = self._new_refresh_token(call, token.grant, tx)
        else:
            grants.prolong_refresh_token(tx, token.token, until=call.now + REFRESH_IDLE_LIFETIME)
        return self._issue(call, token.grant, token, tx, "refresh")

    def _new_refresh_token(self, call: Call, grant: Grant, tx: Tx) -> RefreshToken:
        value = f"RT1-{secrets.token_urlsafe(30)}"
        return grants.issue_refresh_token(tx, grant, value, at=call.now, lifetime=REFRESH_IDLE_LIFETIME)

    def _issue(self, call: Call, grant: Grant, refresh_token: RefreshToken, tx: Tx, effect: str) -> Answer:
        access_token = f"eyJ{secrets.token_urlsafe(96)}"
        grants.issue_access_token(tx, grant, access_token, expires_at=call.now + ACCESS_LIFETIME)
        body: Json = {
            "token_type": "bearer",
            "access_token": access_token,
            "expires_in": int(ACCESS_LIFETIME.total_seconds()),
            "refresh_token": refresh_token.token,
            "x_refresh_token_expires_in": int(REFRESH_IDLE_LIFETIME.total_seconds()),
        }
        if call.headers.get("x-include-refresh-token-hard-expires-in", "").lower() == "true":
            left = grant.created_at + CONSENT_LIFETIME - call.now
            body["x_refresh_token_hard_expires_in"] = int(left.total_seconds())
        if "openid" in grant.scopes:
            body["id_token"] = self._id_token(call, grant)
        return json_answer(body, effect=Effect(effect, grant.id))

    def _id_token(self, call: Call, grant: Grant) -> str:
        claims = {
            "iss": self.issuer,
            "aud": [self.client.client_id],
            "sub": grant.user,
            "iat": int(call.now.timestamp()),
            "exp": int((call.now + ACCESS_LIFETIME).timestamp()),
            "auth_time": int(grant.created_at.timestamp()),
        }
        return self.key.sign({**claims, "realmid": grant.organisation} if grant.organisation else claims)

    def revoke(self, call: Call, tx: Tx) -> Answer:
        """Ends the consent behind a refresh or access token."""
        grants.require_client(call, {}, self.client, refused_with=401)
        token = _token_in(call)
        held = grants.find_refresh_token(tx, PROVIDER, token) or grants.find_access_token(tx, PROVIDER, token)
        if held is None or held.grant.ended:
            return traced(json_answer({"error": "invalid_request"}, 400))
        grants.end(tx, held.grant.id, at=call.now)
        return traced(Answer(200, effect=Effect("revocation", held.grant.id)))

    def userinfo(self, call: Call, tx: Tx) -> Answer:
        user = authenticated(call, tx).grant.user
        first, _, last = user.partition("@")[0].partition(".")
        body = {
            "sub": user,
            "email": user,
            "emailVerified": True,
            "givenName": first.title(),
            "familyName": last.title(),
        }
        return traced(json_answer(body))


def authenticated(call: Call, tx: Tx) -> AccessToken:
    """The caller's token, or the gateway's refusal of it."""
    token = grants.bearer(call)
    if token is None or len(token) < SHORTEST_TOKEN:
        raise Refusal(traced(unauthenticated("Malformed bearer token: too short or too long", call.now)))
    found = grants.find_access_token(tx, PROVIDER, token)
    if found is None or found.grant.ended:
        raise Refusal(traced(unauthenticated("Token revoked", call.now)))
    if found.expires_at <= call.now:
        raise Refusal(traced(unauthenticated("Token expired", call.now)))
    return found


def _is_dead(token: RefreshToken, now: datetime) -> bool:
    too_old = token.grant.created_at + CONSENT_LIFETIME <= now
    return token.grant.ended or token.replaced_at is not None or token.expires_at <= now or too_old


def _token_in(call: Call) -> str:
    """From JSON, as Intuit's SDKs send it, or from a form."""
    try:
        return str(loads(call.body)["token"])
    except (ValueError, KeyError, TypeError):
        return grants.form_of(call).get("token", "")
