"""Builders and fakes: the other services as small ASGI apps that answer like the real ones, and a signed-in browser."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from bs4 import BeautifulSoup, Tag
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.testing import FrozenClock
from web_svc.api.site import Site
from web_svc.clients import Connections, Identity, Items, Rules, Service, Syncs
from web_svc.domain.health import ProvidersHealth
from web_svc.domain.people import Membership, Memberships
from web_svc.live import Live
from web_svc.main.api import build_app
from web_svc.oidc import IdentityProvider
from web_svc.store.sessions import Session, SignIn

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
BUSINESS, ANNA, BEN, CARLA = "biz_demo", "usr_anna", "usr_ben", "usr_carla"
NAMES = {ANNA: "Anna Berg", BEN: "Ben Okafor", CARLA: "Carla Reyes"}
XERO = "con_0192f0c1xero"
SUCCESSOR = "con_0192f0c1next"
PUBLIC_URL = "http://localhost:8000"


def connection(**changes: Any) -> dict[str, Any]:
    """A connection that works, as connection-svc answers it."""
    return {
        "connection_id": XERO,
        "provider": "xero",
        "lifecycle": "active",
        "generation": 1,
        "organisation_id": "0f6b3e0a-6f0d-4c7b-9b1e-2f7d5a9c4b11",
        "organisation_name": "Demo Trading Ltd",
        "connected_at": (NOW - timedelta(days=200)).isoformat(),
        "consent_expires_at": (NOW + timedelta(days=165)).isoformat(),
        "ended_at": None,
        "reason": None,
        "scopes": ["offline_access", "accounting.transactions", "accounting.contacts"],
        "replaces_connection_id": None,
        "settings": {
            "warn_new_supplier": True,
            "always_ask_organisation": True,
            "auto_publish": False,
            "default_destination": "awaiting_payment",
        },
        "settings_version": 3,
        "created_at": (NOW - timedelta(days=200)).isoformat(),
    } | changes


def expired(**changes: Any) -> dict[str, Any]:
    ended = (NOW - timedelta(days=1)).isoformat()
    return connection(lifecycle="expired", consent_expires_at=ended, ended_at=ended, reason="consent_lapsed") | changes


def item(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An item that is ready, as publish-svc answers it."""
    suppliers = ("Northwind Paper", "Harbour Coffee Co", "Blue Kite Studio", "Alder & Finch LLP", "Metro Fleet Hire")
    return {
        "item_id": f"itm_{number:04}",
        "external_id": f"up-{number}",
        "connection_id": XERO,
        "status": "ready",
        "reason": None,
        "provider_message": None,
        "provider_reference": None,
        "provider_url": None,
        "supplier": {"id": None, "name": suppliers[number % len(suppliers)]},
        "number": f"INV-{2040 + number}",
        "date": (NOW - timedelta(days=number)).date().isoformat(),
        "due_date": (NOW + timedelta(days=14)).date().isoformat(),
        "currency": "GBP",
        "total": {"amount": f"{37 * number + 12}.40", "currency": "GBP"},
        "lines": [
            {
                "description": "Printing and paper",
                "amount": {"amount": f"{37 * number + 12}.40", "currency": "GBP"},
                "account_id": "429",
                "tax_rate_id": "INPUT2",
            }
        ],
        "document": {"file_name": f"invoice-{number}.pdf", "content_type": "application/pdf"},
    } | changes


def problem(status: int, code: str, detail: str = "Not possible.") -> JSONResponse:
    body = {"status": status, "code": code, "title": "No", "detail": detail, "correlation_id": "corr-of-service"}
    return JSONResponse(body, status, media_type="application/problem+json")


@dataclass(frozen=True)
class Speaking:
    """Whom a call spoke for."""

    audience: str
    user_id: str
    business_id: str
    role: str


class PlainSigner:
    """Signs nothing: the token says in the clear whom it speaks for."""

    def token(self, audience: str, subject: str, business_id: str, role: str) -> str:
        return f"{audience} {subject} {business_id} {role}"


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    body: dict[str, Any]
    key: str | None
    by: Speaking


@dataclass
class FakeService:
    """What all fakes do: note each POST and PUT, and hide everything from other businesses."""

    businesses: set[str] = field(default_factory=lambda: {BUSINESS})
    calls: list[Call] = field(default_factory=list)
    is_down: bool = False

    def route(self, path: str, answer: Callable[[Request], Any], method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            if self.is_down:
                return Response(status_code=503)
            by = Speaking(*request.headers["Authorization"].removeprefix("Bearer ").split(" "))
            if method != "GET":
                key = request.headers.get("Idempotency-Key")
                self.calls.append(Call(method, request.url.path, await request.json(), key, by))
            if by.role != "service" and by.business_id not in self.businesses:
                return problem(404, "not_found")
            answered = answer(request)
            return answered if isinstance(answered, Response) else JSONResponse(answered)

        return Route(path, endpoint, methods=[method])


@dataclass
class FakeConnectionService(FakeService):
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    attempts: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    explanation: dict[str, Any] = field(default_factory=lambda: {"why": "The connection works.", "next": None})
    becomes_of_access: str = "given_back"
    paused: set[str] = field(default_factory=set)
    refuses_choice: str | None = None
    asked_at: datetime = NOW
    start_url: str = "http://localhost:8001/oauth/start/att_1"

    def app(self) -> Starlette:
        api = "/api/v1"
        return Starlette(
            routes=[
                self.route(f"{api}/providers", self._providers),
                self.route(f"{api}/connections", lambda _: {"items": list(self.connections.values()), "next": None}),
                self.route(f"{api}/connections/{{id}}", self._one),
                self.route(f"{api}/connections/{{id}}/history", self._history),
                self.route(f"{api}/connections/{{id}}/explain", lambda _: self.explanation),
                self.route(f"{api}/connections/{{id}}/settings", self._settings),
                self.route(f"{api}/connections/{{id}}/disconnect", self._disconnect, "POST"),
                self.route(f"{api}/connections/{{id}}/settings", self._change_settings, "PUT"),
                self.route(f"{api}/connections/{{id}}/ask-admin", self._ask, "POST"),
                self.route(f"{api}/connections/{{id}}/check", lambda _: Response(status_code=202), "POST"),
                self.route(
                    f"{api}/connections/{{id}}/snooze", lambda _: {"until": self.calls[-1].body["until"]}, "POST"
                ),
                self.route(f"{api}/connections/{{id}}/reconnect-links", self._make_link, "POST"),
                self.route(f"{api}/connection-attempts", self._running),
                self.route(f"{api}/connection-attempts", self._start, "POST"),
                self.route(f"{api}/connection-attempts/{{id}}/cancel", self._cancel, "POST"),
                self.route(f"{api}/connection-attempts/{{id}}", lambda r: self.attempts[r.path_params["id"]]),
                self.route(f"{api}/connection-attempts/{{id}}/organisation", self._choose, "POST"),
                self.route("/internal/reconnect-links/{token}", self._link),
                self.route("/internal/reconnect-links/{token}/consume", self._consume, "POST"),
                self.route("/internal/reconnect-links/{token}/ask", self._ask_for_another, "POST"),
            ]
        )

    def link(self, state: str = "valid") -> None:
        """There is a reconnect link in this state, with its state as the secret."""
        self.links[state] = {
            "business_id": BUSINESS,
            "connection_id": XERO,
            "provider": "xero",
            "provider_name": "Xero",
            "organisation_masked": "D••• T•••••• L••",
            "asked_by": None,
            "state": state,
            "paused": "xero" in self.paused,
            "login": None,
        }

    def _providers(self, _request: Request) -> Any:
        return {"items": [each | {"paused": each["provider"] in self.paused} for each in PROVIDERS]}

    def _one(self, request: Request) -> Any:
        return self.connections.get(request.path_params["id"]) or problem(404, "not_found")

    def _history(self, request: Request) -> Any:
        begin, limit = int(request.query_params.get("cursor", 0)), int(request.query_params["limit"])
        end = begin + limit
        return {"items": self.history[begin:end], "next": str(end) if len(self.history) > end else None}

    def _settings(self, request: Request) -> Any:
        found = self.connections.get(request.path_params["id"])
        if found is None:
            return problem(404, "not_found")
        return JSONResponse(found["settings"], headers={"ETag": f'"{found["settings_version"]}"'})

    def _change_settings(self, request: Request) -> Any:
        found = self.connections[request.path_params["id"]]
        if request.headers["If-Match"] != f'"{found["settings_version"]}"':
            return problem(412, "settings_changed")
        found["settings"], found["settings_version"] = self.calls[-1].body, found["settings_version"] + 1
        return self._settings(request)

    def _disconnect(self, request: Request) -> Any:
        found = self.connections[request.path_params["id"]]
        found |= {"lifecycle": "disconnected", "ended_at": NOW.isoformat()}
        return found | {"access": self.becomes_of_access}

    def _running(self, _request: Request) -> Any:
        return {"items": [each for each in self.attempts.values() if each["state"] in {"started", "returned"}]}

    def _start(self, request: Request) -> Any:
        call = self.calls[-1]
        if call.body["provider"] in self.paused:
            return problem(409, "provider_paused")
        others = [each for each in self._running(request)["items"] if each["started_by"] != call.by.user_id]
        if others and not call.body["take_over"]:
            return problem(409, "attempt_running")
        expires_at = (NOW + timedelta(minutes=30)).isoformat()
        started = {"attempt_id": "att_1", "connection_id": XERO, "start_url": self.start_url, "expires_at": expires_at}
        return JSONResponse(started, 201)

    def _choose(self, request: Request) -> Any:
        if self.refuses_choice is not None:
            return problem(409, self.refuses_choice)
        attempt, choice = self.attempts[request.path_params["id"]], self.calls[-1].body
        expected = [each["id"] for each in attempt["organisations"] if each["expected"]]
        is_other = choice["organisation_id"] not in expected
        if attempt["intent"] == "reconnect" and is_other and not choice["switch"]:
            return problem(409, "organisation_mismatch")
        attempt["state"] = "activated"
        if attempt["intent"] == "change" or (attempt["intent"] == "reconnect" and is_other):
            attempt["new_connection_id"] = SUCCESSOR
            return connection(connection_id=SUCCESSOR, replaces_connection_id=attempt["connection_id"])
        return self.connections[attempt["connection_id"]]

    def _cancel(self, request: Request) -> Any:
        attempt = self.attempts[request.path_params["id"]]
        if attempt["state"] not in {"started", "returned"}:
            return problem(409, "attempt_over")
        attempt["state"] = "cancelled"
        return attempt

    def _ask(self, _request: Request) -> Any:
        return {"asked_at": self.asked_at.isoformat(), "recipient_user_ids": [ANNA]}

    def _make_link(self, _request: Request) -> Any:
        body = self.calls[-1].body
        if body["send_to_user_id"] is not None:
            return JSONResponse({"sent_to_user_id": body["send_to_user_id"]}, 201)
        expires_at = NOW + timedelta(seconds=body["ttl_seconds"])
        return JSONResponse({"url": "https://relink.test/r/secret", "expires_at": expires_at.isoformat()}, 201)

    def _link(self, request: Request) -> Any:
        return self.links.get(request.path_params["token"]) or problem(404, "not_found")

    def _consume(self, request: Request) -> Any:
        link = self.links[request.path_params["token"]]
        if link["state"] != "valid":
            return problem(409, "link_not_valid")
        link["state"] = "used"
        return {"start_url": self.start_url}

    def _ask_for_another(self, request: Request) -> Any:
        if self.links[request.path_params["token"]]["state"] not in {"used", "expired"}:
            return problem(409, "no_new_link_needed")
        return {"asked_at": self.asked_at.isoformat()}


PROVIDERS = [
    {"provider": "xero", "display_name": "Xero", "supports_supplier_warning": True, "mobile": True},
    {
        "provider": "quickbooks",
        "display_name": "QuickBooks Online",
        "supports_supplier_warning": False,
        "mobile": True,
    },
    {"provider": "sage", "display_name": "Sage Accounting", "supports_supplier_warning": True, "mobile": False},
]


def release(**changes: Any) -> dict[str, Any]:
    """Twelve items on their way, three of them there."""
    started_at = (NOW - timedelta(seconds=20)).isoformat()
    counts = {"total": 12, "published": 3, "failed": 0, "unsettled": 9}
    return {"release_id": "rel_1", **counts, "started_at": started_at} | changes


def attempt(*organisations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A journey that came back from the provider."""
    return {
        "attempt_id": "att_1",
        "connection_id": XERO,
        "provider": "xero",
        "intent": "reconnect",
        "channel": "web",
        "state": "returned",
        "organisations": list(organisations),
        "ask": True,
        "problem": None,
        "missing_permissions": [],
        "new_connection_id": None,
        "started_by": ANNA,
        "started_at": (NOW - timedelta(minutes=2)).isoformat(),
        "expires_at": (NOW + timedelta(minutes=30)).isoformat(),
    } | changes


def organisation(name: str = "Demo Trading Ltd", **changes: Any) -> dict[str, Any]:
    known = {
        "id": "org-" + re.sub(r"\W", "", name).lower(),
        "name": name,
        "country": "GB",
        "currency": "GBP",
        "expected": name == "Demo Trading Ltd",
        "taken": False,
        "taken_by": None,
        "owner_masked": None,
    }
    return known | changes


@dataclass
class FakeSyncService(FakeService):
    status: Any = field(
        default_factory=lambda: {
            "connection_id": XERO,
            "suspended": False,
            "next_due_at": (NOW + timedelta(hours=43)).isoformat(),
            "completed_at": (NOW - timedelta(hours=5)).isoformat(),
            "open_sync_id": None,
            "latest_run": {"sync_id": "syn_1", "state": "completed", "code": None},
            "lists": [],
        }
    )

    refresh_answer: Response = field(default_factory=lambda: JSONResponse({"sync_id": "syn_2", "joined": False}, 202))

    def app(self) -> Starlette:
        connection_path = "/api/v1/connections/{id}"
        return Starlette(
            routes=[
                self.route(f"{connection_path}/sync", lambda _: self.status),
                self.route(f"{connection_path}/refresh", lambda _: self.refresh_answer, "POST"),
            ]
        )


@dataclass
class FakeListService(FakeService):
    rules: int = 7

    def app(self) -> Starlette:
        rule = {"coding": {"connection_id": XERO}, "state": "active"}
        return Starlette(routes=[self.route("/api/v1/rules", lambda _: {"items": [rule] * self.rules, "next": None})])


@dataclass
class FakePublishService(FakeService):
    items: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    held: Any = field(default_factory=lambda: {"waiting": 0, "release": None})

    def app(self) -> Starlette:
        items = "/api/v1/items"
        return Starlette(
            routes=[
                self.route(f"{items}/counts", self._counts),
                self.route(f"{items}/publish", lambda _: Response(status_code=202), "POST"),
                self.route(f"{items}/{{id}}/publish", self._publish, "POST"),
                self.route(f"{items}/{{id}}/retry", self._publish, "POST"),
                self.route(f"{items}/{{id}}/history", lambda _: {"items": self.history, "next": None}),
                self.route(f"{items}/{{id}}", self._one),
                self.route(items, self._page),
                self.route("/api/v1/connections/{id}/held", self._held),
            ]
        )

    def _page(self, request: Request) -> Any:
        wanted = request.query_params.getlist("status")
        return {"items": [each for each in self.items if each["status"] in wanted], "next": None}

    def _counts(self, _request: Request) -> Any:
        statuses = {each["status"] for each in self.items}
        return {"statuses": {s: sum(each["status"] == s for each in self.items) for s in statuses}}

    def _one(self, request: Request) -> Any:
        found = [each for each in self.items if each["item_id"] == request.path_params["id"]]
        return found[0] if found else problem(404, "not_found")

    def _held(self, request: Request) -> Any:
        return self.held if request.path_params["id"] == XERO else {"waiting": 0, "release": None}

    def _publish(self, request: Request) -> Any:
        found = self._one(request)
        if isinstance(found, dict):
            found["status"] = "queued"
        return found


class SessionsInMemory:
    """`Sessions` without a database; the suite in `database/` says that both are the same."""

    def __init__(self) -> None:
        self._sign_ins: dict[str, tuple[SignIn, datetime]] = {}
        self._sessions: dict[str, Session] = {}

    async def begin(self, sign_in_id: str, sign_in: SignIn, *, expires_at: datetime) -> None:
        self._sign_ins[sign_in_id] = (sign_in, expires_at)

    async def take(self, sign_in_id: str, *, now: datetime) -> SignIn | None:
        sign_in, expires_at = self._sign_ins.pop(sign_in_id, (None, now))
        return sign_in if expires_at > now else None

    async def open(self, session_id: str, session: Session, *, now: datetime) -> None:
        self._sign_ins = {key: value for key, value in self._sign_ins.items() if value[1] > now}
        self._sessions = {key: value for key, value in self._sessions.items() if value.expires_at > now}
        self._sessions[session_id] = session

    async def find(self, session_id: str, *, now: datetime) -> Session | None:
        session = self._sessions.get(session_id)
        return session if session is not None and session.expires_at > now else None

    async def close(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)


def identity_system() -> Starlette:
    async def user(request: Request) -> Response:
        user_id = request.path_params["id"]
        if user_id not in NAMES:
            return Response(status_code=404)
        email = f"{user_id.removeprefix('usr_')}@demo.example"
        return JSONResponse({"user_id": user_id, "name": NAMES[user_id], "email": email})

    return Starlette(routes=[Route("/identity/v1/users/{id}", user)])


@dataclass
class World:
    """web-svc among fakes: one business with a Xero connection, Anna who administers it, and Ben who does not."""

    connection_service: FakeConnectionService = field(default_factory=FakeConnectionService)
    sync_service: FakeSyncService = field(default_factory=FakeSyncService)
    list_service: FakeListService = field(default_factory=FakeListService)
    publish_service: FakePublishService = field(default_factory=FakePublishService)
    memberships: Memberships = field(default_factory=Memberships)
    sessions: SessionsInMemory = field(default_factory=SessionsInMemory)
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW))
    system_clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW))
    health: ProvidersHealth = field(default_factory=ProvidersHealth)
    live: Live = field(default_factory=Live)
    public_url: str = PUBLIC_URL
    identity_provider_app: Any = None
    issuer: str = "http://issuer.test/oidc"

    def __post_init__(self) -> None:
        self.connection_service.connections = {XERO: connection()}
        for user_id, role in ((ANNA, "admin"), (BEN, "member"), (CARLA, "accountant")):
            self.memberships.remember(Membership(BUSINESS, user_id, frozenset({role})), sequence=1)

    def app(self) -> FastAPI:
        return build_app(self.site(), health={})

    def site(self) -> Site:
        return Site(
            public_url=self.public_url,
            environment="local",
            session_lifetime=timedelta(hours=12),
            sessions=self.sessions,
            memberships=self.memberships,
            connections=Connections(_service("connection-svc", self.connection_service.app()), self.system_clock),
            syncs=Syncs(_service("sync-svc", self.sync_service.app())),
            rules=Rules(_service("list-svc", self.list_service.app())),
            items=Items(_service("publish-svc", self.publish_service.app())),
            identity=Identity(_http(identity_system())),
            identity_provider=IdentityProvider(
                issuer=self.issuer,
                inside_url=self.issuer.replace("issuer.test", "inside.test"),
                client_id="relink-web",
                client_secret="a-practice-secret-of-enough-letters",
                redirect_uri=f"{self.public_url}/sign-in/callback",
                transport=httpx2.ASGITransport(self.identity_provider_app or identity_system()),
            ),
            live=self.live,
            health=self.health,
            clock=self.clock,
            system_clock=self.system_clock,
        )

    async def sign_in(self, user_id: str = ANNA) -> dict[str, str]:
        """Cookies of a browser in which this person is signed in."""
        session = Session(user_id, self.system_clock.now() + timedelta(hours=12))
        await self.sessions.open(f"session-of-{user_id}", session, now=self.system_clock.now())
        prefix = "__Host-relink" if self.public_url.startswith("https") else "relink"
        return {f"{prefix}_session": f"session-of-{user_id}"}


def _http(app: Starlette) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service.test")


def _service(name: str, app: Starlette) -> Service:
    return Service(name, _http(app), PlainSigner())


@dataclass(frozen=True)
class Cookie:
    value: str
    rules: frozenset[str]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.value.encode()).hexdigest()


@dataclass
class Seen:
    """A page as a person meets it: its words, links and forms."""

    browser: "Browser"
    answer: httpx2.Response

    def __post_init__(self) -> None:
        self.soup = BeautifulSoup(self.answer.text, "html.parser")

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def leads_to(self) -> str:
        """Where a redirect goes."""
        return str(self.answer.headers["location"])

    @property
    def heading(self) -> str:
        return " ".join(self.soup.select_one("h1").text.split())

    @property
    def text(self) -> str:
        """What stands in the content, as one line."""
        return " ".join(self.soup.select_one("#content").get_text(" ").split())

    @property
    def said(self) -> str:
        """What was just done, in the one region for it: a live update of the content leaves it there."""
        return " ".join(self.soup.select_one("[role=status]").get_text(" ").split())

    @property
    def title(self) -> str:
        return str(self.soup.title.text)

    @property
    def banner(self) -> str:
        return " ".join(self.soup.select_one("#banner").get_text(" ").split())

    def labels(self, selector: str) -> list[str]:
        return [" ".join(each.get_text(" ").split()) for each in self.soup.select(selector)]

    @property
    def binding(self) -> "Cookie":
        """The cookie with which this browser may leave for a provider's login."""
        [cookie] = [each for each in self.answer.headers.get_list("set-cookie") if each.startswith("relink_binding=")]
        named, *rules = cookie.split("; ")
        return Cookie(named.partition("=")[2], frozenset(rules))

    def href(self, label: str) -> str:
        """Where the link with exactly this label leads."""
        links = [each for each in self.soup.select("a[href]") if " ".join(each.get_text(" ").split()) == label]
        assert links, f"no link {label!r} among {self.labels('a')}"
        return str(links[0]["href"])

    async def follow(self, label: str) -> "Seen":
        return await self.browser.open(self.href(label))

    def button(self, label: str) -> Tag:
        """The button in a form with exactly this label."""
        buttons = [each for each in self.soup.select("form button") if " ".join(each.get_text(" ").split()) == label]
        assert buttons, f"no button {label!r} among {self.labels('button')}"
        return buttons[0]

    def form(self, label: str) -> Tag:
        form = self.button(label).find_parent("form")
        assert form is not None
        return form

    def fields(self, label: str) -> dict[str, Any]:
        """What the form with this button sends: what is filled in and chosen there."""
        form, fields = self.form(label), dict[str, Any]()
        for each in form.select("input[name]:not([disabled])"):
            if each.get("type") not in {"radio", "checkbox"} or each.has_attr("checked"):
                fields.setdefault(each["name"], []).append(each.get("value", "on"))
        for each in form.select("select[name]"):
            fields[each["name"]] = (each.select_one("option[selected]") or each.select_one("option"))["value"]
        button = self.button(label)
        return fields | ({button["name"]: button["value"]} if button.get("name") else {})

    async def press(self, label: str, *, htmx: bool = False, **changes: str) -> "Seen":
        """Send the form, as a browser does."""
        button = self.button(label)
        address = str(button.get("formaction") or self.form(label).get("action") or self.answer.request.url.path)
        headers = {"HX-Request": "true"} if htmx else {}
        return await self.browser.send(address, self.fields(label) | changes, headers=headers)


class Browser:
    """A browser without JavaScript that does not follow redirects by itself."""

    def __init__(self, world: World, cookies: dict[str, str] | None = None) -> None:
        transport = httpx2.ASGITransport(world.app(), raise_app_exceptions=False)
        self.http = httpx2.AsyncClient(
            transport=transport, base_url=world.public_url, cookies=cookies, headers={"Accept": "text/html"}
        )

    async def open(self, address: str, **headers: str) -> Seen:
        return Seen(self, await self.http.get(address, headers=headers))

    async def send(self, address: str, fields: dict[str, Any], headers: dict[str, str] | None = None) -> Seen:
        return Seen(self, await self.http.post(address, data=fields, headers=headers))


async def signed_in(world: World, user_id: str = ANNA) -> Browser:
    return Browser(world, await world.sign_in(user_id))


@dataclass
class PracticeIssuer:
    """An OpenID Connect issuer that signs in whoever `subject` names, and notes what it was asked."""

    url: str
    subject: str = ANNA
    nonce: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1"}))
    signing_key: ECKey | None = None

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/oidc/.well-known/openid-configuration", self._discovery),
                Route("/oidc/token", self._token, methods=["POST"]),
                Route("/oidc/jwks", self._jwks),
            ]
        )

    async def _discovery(self, _request: Request) -> Response:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        return JSONResponse({"issuer": self.url} | {name: f"{self.url}/{path}" for name, path in places.items()})

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        self.asked.append({name: str(value) for name, value in form.items()})
        if form["code"] != "good-code":
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": self.url, "aud": "relink-web", "sub": self.subject, "nonce": self.nonce, "exp": now + 60}
        id_token = jwt.encode({"alg": "ES256", "kid": "k1"}, claims | self.changes, self.signing_key or self.key)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": id_token, "expires_in": 60})

    async def _jwks(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})
