"""The login and consent pages of the practice providers: plain forms that work without scripts."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from simulator import grants, journal
from simulator.clock import Clocks
from simulator.grants import AuthorizeRequest
from simulator.organisations import Organisation, organisations_of
from simulator.settings import OAuthClient
from simulator.state import State, Tx

HERE = Path(__file__).parent
TEMPLATES = Jinja2Templates(HERE / "templates")
SLOW_SECONDS = 3.0

# No form-action: browsers apply it to the whole chain of redirects after a form, and that chain leaves for the
# client's redirect URI and on to wherever the client sends the user next.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Scenario(StrEnum):
    """What the consent does in place of what was chosen, so that every outcome can be seen."""

    NORMAL = "normal"
    DENY = "deny"
    WRONG_ORGANISATION = "wrong_organisation"
    TWO_ORGANISATIONS = "two_organisations"
    NO_ORGANISATION = "no_organisation"
    SLOW = "slow"
    SERVER_ERROR = "server_error"
    SCOPE_MISSING = "scope_missing"
    EXPIRED_REQUEST = "expired_request"


SCENARIO_LABELS = {
    Scenario.NORMAL: "As chosen above",
    Scenario.DENY: "Deny: the user refuses",
    Scenario.WRONG_ORGANISATION: "Wrong organisation: another one is connected than the one chosen",
    Scenario.TWO_ORGANISATIONS: "Two organisations are connected at once",
    Scenario.NO_ORGANISATION: "No organisation is connected",
    Scenario.SLOW: f"Slow: the answer takes {SLOW_SECONDS:.0f} seconds",
    Scenario.SERVER_ERROR: "Server error: a page with status 500",
    Scenario.SCOPE_MISSING: "Scope missing: the most important permission is not granted",
    Scenario.EXPIRED_REQUEST: "Expired request: the login took too long",
}


@dataclass(frozen=True)
class Consent:
    """What the user agreed to."""

    request: AuthorizeRequest
    user: str
    scopes: tuple[str, ...]
    organisations: tuple[str, ...]


@dataclass(frozen=True)
class LoginFace:
    """How the pages of one provider differ."""

    provider: str
    display_name: str
    client: OAuthClient
    scopes: Mapping[str, str]
    """Every scope the practice application may ask for, with its meaning in words."""
    missing_scope: str
    """What the scenario *scope missing* leaves out, with everything that begins like it."""
    scenarios: Sequence[Scenario]
    invented_organisation: str
    """The one shown greyed out: the user may not connect it."""
    agree: Callable[[Tx, Consent, datetime], Mapping[str, str]]
    """Records the consent and returns the callback's parameters."""
    unasked: tuple[str, ...] = ()
    """What is granted where a client cannot ask for anything: whatever it sends as scope is ignored then."""


def style_route() -> Route:
    async def style(_request: Request) -> Response:
        return FileResponse(HERE / "static" / "practice.css", media_type="text/css")

    return Route("/sim/static/practice.css", style)


def routes(face: LoginFace, state: State, clocks: Clocks) -> list[Route]:
    pages = LoginPages(face, state, clocks)
    base = f"/{face.provider}/authorize"
    return [
        Route(base, pages.begin),
        Route(base + "/{request_id}", pages.show_login, methods=["GET"]),
        Route(base + "/{request_id}/login", pages.log_in, methods=["POST"]),
        Route(base + "/{request_id}/consent", pages.show_consent, methods=["GET"]),
        Route(base + "/{request_id}/consent", pages.decide, methods=["POST"]),
    ]


class LoginPages:
    def __init__(self, face: LoginFace, state: State, clocks: Clocks) -> None:
        self._face, self._state, self._clocks = face, state, clocks

    async def begin(self, request: Request) -> Response:
        """Check the client's request; a request that cannot be trusted is told to the user, never redirected."""
        query = request.query_params
        scopes = self._face.unasked or tuple(query.get("scope", "").split())
        if problem := self._problem_with(query, scopes):
            return self._page(request, "problem.html", 400, problem=problem)
        with self._state.transaction() as tx:
            request_id = grants.open_request(
                tx,
                provider=self._face.provider,
                client_id=query["client_id"],
                redirect_uri=query["redirect_uri"],
                scopes=scopes,
                query=query,
                at=self._clocks.domain(),
            )
            self._note(tx, request, 303)
        return RedirectResponse(f"/{self._face.provider}/authorize/{request_id}", 303, PAGE_HEADERS)

    def _problem_with(self, query: Mapping[str, str], scopes: tuple[str, ...]) -> str | None:
        if query.get("client_id") != self._face.client.client_id:
            return "unauthorized_client: no application has this client_id."
        if query.get("redirect_uri") not in self._face.client.redirect_uris:
            return "invalid_request: the redirect_uri is not one of the application's; it must match exactly."
        if query.get("response_type") != "code":
            return "unsupported_response_type: only code is offered."
        unknown = [scope for scope in scopes if scope not in self._face.scopes]
        if unknown or not scopes:
            return f"invalid_scope: {', '.join(unknown) or 'no scope was asked for'}."
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            return "invalid_request: the code_challenge_method must be S256."
        return None

    async def show_login(self, request: Request) -> Response:
        asked = self._request(request)
        if asked is None:
            return self._expired(request)
        return self._page(request, "login.html", asked=asked, email=asked.login_hint or "anna@demo.example")

    async def log_in(self, request: Request) -> Response:
        asked = self._request(request)
        if asked is None:
            return self._expired(request)
        form = await request.form()
        email, password = str(form.get("email", "")).strip(), str(form.get("password", ""))
        if "@" not in email or not password:
            problem = "Enter an e-mail address and a password. Any will do: this is practice."
            return self._page(request, "login.html", 400, asked=asked, email=email, problem=problem)
        with self._state.transaction() as tx:
            grants.sign_in(tx, asked.id, email)
            self._note(tx, request, 303)
        return RedirectResponse(f"/{self._face.provider}/authorize/{asked.id}/consent", 303, PAGE_HEADERS)

    async def show_consent(self, request: Request) -> Response:
        asked = self._request(request)
        if asked is None:
            return self._expired(request)
        if asked.user is None:
            return RedirectResponse(f"/{self._face.provider}/authorize/{asked.id}", 303, PAGE_HEADERS)
        return self._consent_page(request, asked)

    async def decide(self, request: Request) -> Response:
        asked = self._request(request)
        if asked is None or asked.user is None:
            return self._expired(request)
        form = await request.form()
        wanted = str(form.get("scenario") or Scenario.NORMAL)
        scenario = next((one for one in self._face.scenarios if one == wanted), None)
        if scenario is None:
            return self._consent_page(request, asked, 400, problem="Choose one of the scenarios.")
        if form.get("decision") != "allow" or scenario is Scenario.DENY:
            return self._refused(request, asked)
        if scenario in (Scenario.SERVER_ERROR, Scenario.EXPIRED_REQUEST):
            return self._ended_here(request, asked, scenario)
        if scenario is Scenario.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        chosen = self._organisation(str(form.get("organisation", "")))
        if chosen is None:
            return self._consent_page(request, asked, 400, problem="Choose an organisation.")
        return self._agreed(request, asked, chosen, scenario)

    def _ended_here(self, request: Request, asked: AuthorizeRequest, scenario: Scenario) -> Response:
        if scenario is Scenario.SERVER_ERROR:
            return self._page(request, "problem.html", 500, problem="Something went wrong at the provider.")
        with self._state.transaction() as tx:
            grants.close_request(tx, asked.id, "expired")
        return self._expired(request)

    def _agreed(self, request: Request, asked: AuthorizeRequest, chosen: Organisation, scenario: Scenario) -> Response:
        with self._state.transaction() as tx:
            others = [one for one in organisations_of(tx, self._face.provider) if one.id != chosen.id]
            organisations = {
                Scenario.WRONG_ORGANISATION: others[:1],
                Scenario.TWO_ORGANISATIONS: [chosen, *others[:1]],
                Scenario.NO_ORGANISATION: [],
            }.get(scenario, [chosen])
            scopes = asked.scopes
            if scenario is Scenario.SCOPE_MISSING:
                scopes = tuple(scope for scope in scopes if not scope.startswith(self._face.missing_scope))
            assert asked.user is not None
            agreement = Consent(asked, asked.user, scopes, tuple(one.id for one in organisations))
            parameters = self._face.agree(tx, agreement, self._clocks.domain())
            grants.close_request(tx, asked.id, "answered")
            self._note(tx, request, 303)
        return _back_to_client(asked, parameters)

    def _refused(self, request: Request, asked: AuthorizeRequest) -> Response:
        with self._state.transaction() as tx:
            grants.close_request(tx, asked.id, "answered")
            self._note(tx, request, 303)
        return _back_to_client(asked, {"error": "access_denied"})

    def _request(self, request: Request) -> AuthorizeRequest | None:
        with self._state.transaction() as tx:
            asked = grants.find_request(
                tx, self._face.provider, request.path_params["request_id"], at=self._clocks.domain()
            )
        return asked if asked and asked.status == "open" else None

    def _organisation(self, organisation_id: str) -> Organisation | None:
        with self._state.transaction() as tx:
            offered = organisations_of(tx, self._face.provider)
        return next((one for one in offered if one.id == organisation_id), None)

    def _consent_page(
        self, request: Request, asked: AuthorizeRequest, status: int = 200, problem: str | None = None
    ) -> Response:
        with self._state.transaction() as tx:
            offered = organisations_of(tx, self._face.provider)
        return self._page(
            request,
            "consent.html",
            status,
            asked=asked,
            organisations=offered,
            scopes=[self._face.scopes[scope] for scope in asked.scopes],
            scenarios=[(scenario.value, SCENARIO_LABELS[scenario]) for scenario in self._face.scenarios],
            problem=problem,
        )

    def _expired(self, request: Request) -> Response:
        problem = "This login is no longer open: it was answered already, or took too long. Start again from the app."
        return self._page(request, "problem.html", 400, problem=problem)

    def _page(self, request: Request, template: str, status: int = 200, **context: object) -> Response:
        return TEMPLATES.TemplateResponse(
            request, template, {"face": self._face, **context}, status_code=status, headers=PAGE_HEADERS
        )

    def _note(self, tx: Tx, request: Request, status: int) -> None:
        journal.note(
            tx,
            journal.Entry(
                at=self._clocks.domain(),
                provider=self._face.provider,
                method=request.method,
                path=request.url.path,
                query="",
                status=status,
                organisation=None,
                effect=None,
                fault=None,
            ),
        )


def _back_to_client(asked: AuthorizeRequest, parameters: Mapping[str, str]) -> Response:
    return RedirectResponse(with_query(asked.redirect_uri, {**parameters, "state": asked.state}), 303, PAGE_HEADERS)


def with_query(url: str, parameters: Mapping[str, str | None]) -> str:
    """The URL with these parameters added; those without a value are left out."""
    added = urlencode({name: value for name, value in parameters.items() if value is not None})
    kept = urlsplit(url).query
    return str(URL(url).replace(query="&".join(part for part in (kept, added) if part)))
