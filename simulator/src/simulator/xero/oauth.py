"""Practice Xero's login, token, revocation and connections endpoints."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from simulator import grants
from simulator.calls import Answer, Call, Refusal, json_answer
from simulator.clock import from_ms, to_ms
from simulator.encoding import Json
from simulator.grants import AccessToken, Grant, oauth_error
from simulator.journal import Effect
from simulator.keys import SigningKey
from simulator.limits import Window, count
from simulator.organisations import find as find_organisation
from simulator.pages import Consent, LoginFace, Scenario
from simulator.settings import OAuthClient
from simulator.state import Tx
from simulator.xero.formats import PROVIDER, fixed_guid, gateway_error, throttled

CODE_LIFETIME = timedelta(minutes=5)
ACCESS_LIFETIME = timedelta(minutes=30)
ID_TOKEN_LIFETIME = timedelta(minutes=5)
REFRESH_IDLE_LIFETIME = timedelta(days=60)
REPLACED_TOKEN_GRACE = timedelta(minutes=30)
APP_MINUTE = Window("appminute", 10_000, 60, whole_application=True)

SCOPES = {
    "openid": "Know who you are",
    "profile": "Know your name",
    "email": "Know your e-mail address",
    "offline_access": "Keep access while you are away",
    "accounting.invoices": "Read and write invoices and bills",
    "accounting.invoices.read": "Read invoices and bills",
    "accounting.payments": "Read and write payments",
    "accounting.payments.read": "Read payments",
    "accounting.banktransactions": "Read and write bank transactions",
    "accounting.banktransactions.read": "Read bank transactions",
    "accounting.settings": "Read and write organisation settings, accounts and tax rates",
    "accounting.settings.read": "Read organisation settings, accounts and tax rates",
    "accounting.contacts": "Read and write contacts",
    "accounting.contacts.read": "Read contacts",
    "accounting.attachments": "Read and write attached files",
    "accounting.attachments.read": "Read attached files",
}
"""The granular ones only: an application registered after March 2026 gets invalid_scope for the broad ones."""


def login_face(client: OAuthClient) -> LoginFace:
    return LoginFace(
        provider=PROVIDER,
        display_name="Xero",
        client=client,
        scopes=SCOPES,
        missing_scope="accounting.invoices",
        scenarios=list(Scenario),
        invented_organisation="Locked Holdings Ltd",
        agree=_agree,
    )


def _agree(tx: Tx, consent: Consent, now: datetime) -> Mapping[str, str]:
    """One grant for the user; each organisation is connected, or connected again under its old id."""
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
    for organisation in consent.organisations:
        tx.execute(
            "INSERT INTO connections VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (user, organisation)"
            " DO UPDATE SET grant_id = excluded.grant_id, updated_at = excluded.updated_at",
            (str(uuid4()), consent.user, organisation, grant_id, to_ms(now), to_ms(now)),
        )
    return {"code": code, "scope": " ".join(consent.scopes)}


@dataclass(frozen=True)
class XeroIdentity:
    """The hosts login.xero.com and identity.xero.com, and /connections of api.xero.com."""

    client: OAuthClient
    issuer: str
    key: SigningKey
    limits_factor: int

    def token(self, call: Call, tx: Tx) -> Answer:
        form = grants.form_of(call)
        grants.require_client(call, form, self.client, refused_with=400)
        flows: dict[str | None, Callable[[], Answer]] = {
            "authorization_code": lambda: self._exchange(call, form, tx),
            "refresh_token": lambda: self._refresh(call, form, tx),
        }
        flow = flows.get(form.get("grant_type"))
        return flow() if flow else oauth_error("unsupported_grant_type")

    def _exchange(self, call: Call, form: Mapping[str, str], tx: Tx) -> Answer:
        grant = grants.redeem_code(tx, PROVIDER, form, at=call.now)
        return self._issue(call, grant, tx, "grant") if grant else oauth_error("invalid_grant")

    def _refresh(self, call: Call, form: Mapping[str, str], tx: Tx) -> Answer:
        """Always a new refresh token; the one it replaces works for another half hour."""
        token = grants.find_refresh_token(tx, PROVIDER, form.get("refresh_token", ""))
        if token is None or token.grant.ended or token.expires_at <= call.now:
            return oauth_error("invalid_grant")
        if token.replaced_at is not None and token.replaced_at + REPLACED_TOKEN_GRACE <= call.now:
            return oauth_error("invalid_grant")
        grants.replace_refresh_token(tx, token.token, at=call.now)
        return self._issue(call, token.grant, tx, "refresh")

    def _issue(self, call: Call, grant: Grant, tx: Tx, effect: str) -> Answer:
        expires_at = call.now + ACCESS_LIFETIME
        access_token = self.key.sign(self._access_claims(call, grant, expires_at))
        grants.issue_access_token(tx, grant, access_token, expires_at=expires_at)
        body: Json = {
            "access_token": access_token,
            "expires_in": int(ACCESS_LIFETIME.total_seconds()),
            "token_type": "Bearer",
            "scope": " ".join(grant.scopes),
        }
        if "offline_access" in grant.scopes:
            token = secrets.token_urlsafe(32)
            grants.issue_refresh_token(tx, grant, token, at=call.now, lifetime=REFRESH_IDLE_LIFETIME)
            body["refresh_token"] = token
        if "openid" in grant.scopes:
            body["id_token"] = self.key.sign(self._id_claims(call, grant))
        return json_answer(body, effect=Effect(effect, grant.id))

    def _access_claims(self, call: Call, grant: Grant, expires_at: datetime) -> Json:
        user = fixed_guid("user", grant.user)
        return {
            "iss": self.issuer,
            "aud": f"{self.issuer}/resources",
            "nbf": int(call.now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "client_id": self.client.client_id,
            "sub": user.replace("-", ""),
            "xero_userid": user,
            "auth_time": int(grant.created_at.timestamp()),
            "authentication_event_id": grant.id,
            "jti": uuid4().hex.upper(),
            "scope": list(grant.scopes),
        }

    def _id_claims(self, call: Call, grant: Grant) -> Json:
        claims = {
            "iss": self.issuer,
            "aud": self.client.client_id,
            "iat": int(call.now.timestamp()),
            "exp": int((call.now + ID_TOKEN_LIFETIME).timestamp()),
            **_profile(grant.user),
        }
        return {**claims, "nonce": grant.nonce} if grant.nonce else claims

    def revoke(self, call: Call, tx: Tx) -> Answer:
        """Ends the consent of a refresh token and disconnects the user; 200 for an unknown token too (RFC 7009)."""
        form = grants.form_of(call)
        grants.require_client(call, form, self.client, refused_with=400)
        token = grants.find_refresh_token(tx, PROVIDER, form.get("token", ""))
        if token is None:
            return Answer(200)
        grants.end(tx, token.grant.id, at=call.now)
        tx.execute("DELETE FROM connections WHERE user = ?", (token.grant.user,))
        return Answer(200, effect=Effect("revocation", token.grant.id))

    def discovery(self, _call: Call, _tx: Tx) -> Answer:
        return json_answer(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/connect/token",
                "revocation_endpoint": f"{self.issuer}/connect/revocation",
                "userinfo_endpoint": f"{self.issuer}/connect/userinfo",
                "jwks_uri": f"{self.issuer}/.well-known/openid-configuration/jwks",
                "scopes_supported": list(SCOPES),
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "subject_types_supported": ["public"],
            }
        )

    def jwks(self, _call: Call, _tx: Tx) -> Answer:
        return json_answer(self.key.public_set())

    def userinfo(self, call: Call, tx: Tx) -> Answer:
        return json_answer(_profile(authenticated(call, tx).grant.user))

    def connections(self, call: Call, tx: Tx) -> Answer:
        """Every organisation the user connected; with authEventId only those of that consent."""
        user = authenticated(call, tx).grant.user
        counted = self._counted(call, tx)
        rows = tx.execute(
            "SELECT * FROM connections WHERE user = ? AND (? IS NULL OR grant_id = ?) ORDER BY updated_at DESC, id",
            (user, call.query.get("authEventId"), call.query.get("authEventId")),
        )
        return json_answer([_connection(tx, row) for row in rows]).with_headers(counted)

    def disconnect(self, call: Call, tx: Tx) -> Answer:
        user = authenticated(call, tx).grant.user
        counted = self._counted(call, tx)
        removed = tx.execute(
            "DELETE FROM connections WHERE id = ? AND user = ?", (call.parts["connection_id"], user)
        ).rowcount
        if not removed:
            return Answer(404, b"Connection not found", "text/plain").with_headers(counted)
        return Answer(204, effect=Effect("disconnection", call.parts["connection_id"])).with_headers(counted)

    def _counted(self, call: Call, tx: Tx) -> Mapping[str, str]:
        counted = count(call, tx, [APP_MINUTE], factor=self.limits_factor)
        if counted.exceeded:
            raise Refusal(throttled("appminute", counted.exceeded.retry_after))
        return {"X-AppMinLimit-Remaining": str(counted.remaining["appminute"])}


def authenticated(call: Call, tx: Tx) -> AccessToken:
    """The caller's token, or Xero's refusal of it."""
    token = grants.bearer(call)
    found = token and grants.find_access_token(tx, PROVIDER, token)
    if not found or found.grant.ended:
        raise Refusal(gateway_error(401, "Unauthorized", "AuthenticationUnsuccessful"))
    if found.expires_at <= call.now:
        expired = f"TokenExpired: token expired at {found.expires_at:%m/%d/%Y %H:%M:%S}"
        raise Refusal(gateway_error(401, "Unauthorized", expired))
    return found


def _profile(user: str) -> Json:
    first, _, last = user.partition("@")[0].partition(".")
    user_id = fixed_guid("user", user)
    return {
        "sub": user_id.replace("-", ""),
        "xero_userid": user_id,
        "name": f"{first} {last}".strip().title(),
        "preferred_username": user,
        "given_name": first.title(),
        "family_name": last.title(),
        "email": user,
    }


def _connection(tx: Tx, row: Any) -> Json:
    organisation = find_organisation(tx, PROVIDER, row["organisation"])
    return {
        "id": row["id"],
        "authEventId": row["grant_id"],
        "tenantId": row["organisation"],
        "tenantType": "ORGANISATION",
        "tenantName": organisation.name if organisation else None,
        "createdDateUtc": _seven_digits(from_ms(row["created_at"])),
        "updatedDateUtc": _seven_digits(from_ms(row["updated_at"])),
    }


def _seven_digits(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0"
