"""The practice OpenID Connect issuer: anybody may be anybody. It follows the system clock, as its readers do."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulator import grants, people
from simulator.calls import Answer, Call, Desk, Handler, ProviderFace, Refusal, json_answer
from simulator.clock import Clocks
from simulator.encoding import Json
from simulator.grants import AuthorizeRequest, Grant, oauth_error
from simulator.journal import Effect
from simulator.keys import SigningKey
from simulator.pages import PAGE_HEADERS, TEMPLATES, with_query
from simulator.settings import OAuthClient
from simulator.state import State, Tx

PROVIDER = "oidc"
CODE_LIFETIME = timedelta(minutes=1)
TOKEN_LIFETIME = timedelta(hours=1)
SCOPES = ("openid", "profile", "email")
FACE = ProviderFace(PROVIDER, lambda _request, _tx: None, lambda _call, status, _retry_after: Answer(status))


@dataclass(frozen=True)
class Issuer:
    """The endpoints that programs call."""

    issuer: str
    client: OAuthClient
    key: SigningKey

    def discovery(self, _call: Call, _tx: Tx) -> Answer:
        return json_answer(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/jwks",
                "end_session_endpoint": f"{self.issuer}/end-session",
                "scopes_supported": list(SCOPES),
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "subject_types_supported": ["public"],
                "claims_supported": ["sub", "name", "email", "email_verified", "zoneinfo", "locale"],
            }
        )

    def jwks(self, _call: Call, _tx: Tx) -> Answer:
        return json_answer(self.key.public_set())

    def token(self, call: Call, tx: Tx) -> Answer:
        form = grants.form_of(call)
        grants.require_client(call, form, self.client, refused_with=401)
        if form.get("grant_type") != "authorization_code":
            return oauth_error("unsupported_grant_type")
        grant = grants.redeem_code(tx, PROVIDER, form, at=call.system_now)
        if grant is None:
            return oauth_error("invalid_grant")
        expires_at = call.system_now + TOKEN_LIFETIME
        access_token = self._signed(grant.user, self.issuer, call.system_now, {"scope": " ".join(grant.scopes)})
        grants.issue_access_token(tx, grant, access_token, expires_at=expires_at)
        body = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFETIME.total_seconds()),
            "scope": " ".join(grant.scopes),
            "id_token": self._id_token(grant, call.system_now),
        }
        return json_answer(body, effect=Effect("sign_in", grant.id, grant.user)).with_headers(
            {"Cache-Control": "no-store"}
        )

    def userinfo(self, call: Call, tx: Tx) -> Answer:
        token = grants.bearer(call)
        found = token and grants.find_access_token(tx, PROVIDER, token)
        if not found or found.expires_at <= call.system_now:
            raise Refusal(Answer(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}))
        return json_answer({"sub": found.grant.user, **_profile(found.grant.user)})

    def program_token(self, *, subject: str, audience: str, business_id: str, role: str, at: datetime) -> str:
        """An access token as the upstream product and on-call bring it, valid for TOKEN_LIFETIME."""
        return self._signed(subject, audience, at, {"business_id": business_id, "role": role})

    def _id_token(self, grant: Grant, at: datetime) -> str:
        claims = {"auth_time": int(grant.created_at.timestamp()), **_profile(grant.user)}
        if grant.nonce:
            claims["nonce"] = grant.nonce
        return self._signed(grant.user, self.client.client_id, at, claims)

    def _signed(self, subject: str, audience: str, at: datetime, claims: Json) -> str:
        return self.key.sign(
            {
                "iss": self.issuer,
                "sub": subject,
                "aud": audience,
                "iat": int(at.timestamp()),
                "exp": int((at + TOKEN_LIFETIME).timestamp()),
                "jti": uuid4().hex,
                **claims,
            }
        )


class SignInPages:
    """The page with one button for each practice user, and signing out."""

    def __init__(self, client: OAuthClient, state: State, clocks: Clocks) -> None:
        self._client, self._state, self._clocks = client, state, clocks

    async def begin(self, request: Request) -> Response:
        query = request.query_params
        if problem := self._problem_with(query):
            return _message(request, "This did not work", problem, 400)
        scopes = tuple(scope for scope in query.get("scope", "").split() if scope in SCOPES)
        with self._state.transaction() as tx:
            request_id = grants.open_request(
                tx,
                provider=PROVIDER,
                client_id=query["client_id"],
                redirect_uri=query["redirect_uri"],
                scopes=scopes,
                query=query,
                at=self._clocks.system(),
            )
        return RedirectResponse(f"/oidc/authorize/{request_id}", 303, PAGE_HEADERS)

    def _problem_with(self, query: Mapping[str, str]) -> str | None:
        if query.get("client_id") != self._client.client_id:
            return "unauthorized_client: no application has this client_id."
        if query.get("redirect_uri") not in self._client.redirect_uris:
            return "invalid_request: the redirect_uri is not one of the application's; it must match exactly."
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            return "invalid_request: response_type code and scope openid are needed."
        if not query.get("code_challenge") or query.get("code_challenge_method") != "S256":
            return "invalid_request: a code_challenge of method S256 is needed."
        return None

    async def show(self, request: Request) -> Response:
        asked = self._request(request)
        if asked is None:
            return _message(request, "This did not work", "This sign-in is no longer open. Start again.", 400)
        context = {"asked": asked, "users": people.USERS}
        return TEMPLATES.TemplateResponse(request, "sign_in.html", context, headers=PAGE_HEADERS)

    async def choose(self, request: Request) -> Response:
        asked, form = self._request(request), await request.form()
        user = people.find(str(form.get("user", "")))
        if asked is None or user is None:
            return _message(request, "This did not work", "This sign-in is no longer open. Start again.", 400)
        with self._state.transaction() as tx:
            code = grants.consent(
                tx,
                grant_id=secrets.token_hex(16),
                request=asked,
                user=user.id,
                scopes=asked.scopes,
                organisation=None,
                code_lifetime=CODE_LIFETIME,
                at=self._clocks.system(),
            )
            grants.close_request(tx, asked.id, "answered")
        back = with_query(asked.redirect_uri, {"code": code, "state": asked.state})
        return RedirectResponse(back, 303, PAGE_HEADERS)

    async def end_session(self, request: Request) -> Response:
        """Back to the application when it names one of its own addresses; there is no session here to end."""
        wanted = request.query_params.get("post_logout_redirect_uri")
        own = {urlsplit(uri)[:2] for uri in self._client.redirect_uris}
        if wanted and urlsplit(wanted)[:2] in own:
            back = with_query(wanted, {"state": request.query_params.get("state")})
            return RedirectResponse(back, 303, PAGE_HEADERS)
        return _message(request, "Signed out", "You may close this page.", 200)

    def _request(self, request: Request) -> AuthorizeRequest | None:
        with self._state.transaction() as tx:
            asked = grants.find_request(tx, PROVIDER, request.path_params["request_id"], at=self._clocks.system())
        return asked if asked and asked.status == "open" else None


def routes(issuer: Issuer, pages: SignInPages, desk: Desk) -> list[Route]:
    calls: list[tuple[str, str, Handler]] = [
        ("GET", "/.well-known/openid-configuration", issuer.discovery),
        ("GET", "/jwks", issuer.jwks),
        ("POST", "/token", issuer.token),
        ("GET", "/userinfo", issuer.userinfo),
    ]
    return [
        *(Route("/oidc" + path, desk.endpoint(FACE, handle), methods=[method]) for method, path, handle in calls),
        Route("/oidc/authorize", pages.begin),
        Route("/oidc/authorize/{request_id}", pages.show, methods=["GET"]),
        Route("/oidc/authorize/{request_id}", pages.choose, methods=["POST"]),
        Route("/oidc/end-session", pages.end_session),
    ]


def _profile(user_id: str) -> Json:
    user = people.find(user_id)
    if user is None:
        return {}
    return {
        "name": user.name,
        "email": user.email,
        "email_verified": True,
        "zoneinfo": user.time_zone,
        "locale": user.locale,
    }


def _message(request: Request, heading: str, text: str, status: int) -> Response:
    context = {"heading": heading, "text": text}
    return TEMPLATES.TemplateResponse(
        request, "sign_in_problem.html", context, status_code=status, headers=PAGE_HEADERS
    )
