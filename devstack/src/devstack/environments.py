"""The environment and command of every Python process of the system, for each place it can run in.

The services have no default for an address or a credential: what they are told, they are told here.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from joserfc.jwk import OKPKey

from devstack.processes import Program
from devstack.secrets import Secrets
from simulator.addresses import PROVIDERS, addresses_of

SERVICES: Final = ("connection-svc", "sync-svc", "list-svc", "publish-svc", "notifier-svc", "web-svc")
PROCESSES: Final = (
    *(f"{service}.api" for service in SERVICES),
    *(f"{service}.worker" for service in SERVICES if service != "web-svc"),
)
# Who may call whom with a service token; only web-svc speaks for people.
CALLERS: Final = {
    "connection-svc": ("sync-svc", "publish-svc", "notifier-svc", "web-svc"),
    "sync-svc": ("web-svc",),
    "list-svc": ("web-svc",),
    "publish-svc": ("web-svc",),
    "notifier-svc": ("web-svc",),
    "web-svc": (),
}
PEOPLE: Final = ("admin", "member", "publisher", "accountant")
LIMITS_FACTOR: Final = 20
"""The practice providers allow so many times the real calls."""
PRACTICE_PROCESSING_SECONDS: Final = "1"
"""The practice providers answer at once: a lost answer can be looked up soon, and not after minutes as in earnest."""
SHORT_LEASE_SECONDS: Final = "10"
"""What a killed worker had in hand is taken over after seconds, so that the demo's chaos can be watched."""

Environment = dict[str, str]


def package_of(service: str) -> str:
    """The Python package of a service, which is also the name of its database and of that database's owner."""
    return service.replace("-", "_")


@dataclass(frozen=True)
class Places:
    """Where each part listens and is reached, as a base URL or as host and port.

    `public_…` is what a browser uses; the rest is for the processes among themselves.
    """

    listen_host: str
    ports: Mapping[str, int]
    postgres: str
    kafka: str
    mail: str
    services: Mapping[str, str]
    simulator: str
    public_web: str
    public_connection: str
    public_simulator: str


@dataclass(frozen=True)
class Environments:
    """Builds the environment of each process of one installation."""

    places: Places
    secrets: Secrets
    clock_offset_file: str | None
    """None where time cannot be moved."""
    state_file: str
    """Of the simulator."""

    def program(self, name: str, directory: Path) -> Program:
        """How a process of this name is started on this machine, `directory` being where it works."""
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONUNBUFFERED": "1", **self.of(name)}
        return Program(name, (sys.executable, "-m", *_module(name)), environment, directory)

    def of(self, name: str) -> Environment:
        """The RELINK_ variables of a process: a service's `.api` or `.worker`, or `simulator`."""
        if name == "simulator":
            return self._simulator()
        service = name.partition(".")[0]
        return {
            **_group("DATABASE", url=self.database_url(service)),
            **_group("KAFKA", bootstrap_servers=self.places.kafka),
            **_group("HTTP", host=self.places.listen_host, port=str(self.places.ports[name])),
            **_group("PROCESS", environment="local"),
            **self._clock("PROCESS"),
            **self._identity(service),
            **self._own(service),
        }

    def database_url(self, service: str) -> str:
        """Where the service's own database is, as its owner."""
        name = package_of(service)
        return f"postgresql://{name}:{self.secrets.text(f'{service} database password')}@{self.places.postgres}/{name}"

    def _identity(self, service: str) -> Environment:
        """Its own key, whom it listens to, and the issuer of the tokens that programs bring."""
        callers = CALLERS[service]
        peers = {caller: self._key(caller).as_dict(private=False) for caller in callers}
        return _group(
            "IDENTITY",
            service_key=_json(self._key(service).as_dict(private=True)),
            peers=_json(peers),
            accepts=_json({caller: (*PEOPLE, "service") for caller in callers if caller == "web-svc"}),
            oidc_issuer=f"{self.places.public_simulator}/oidc",
            oidc_jwks_url=f"{self.places.simulator}/oidc/jwks",
        )

    def _key(self, service: str) -> OKPKey:
        return self.secrets.signing_key(f"{service} service key")

    def _own(self, service: str) -> Environment:
        """What only this service is told."""
        match service:
            case "connection-svc":
                keys = {"local-1": self.secrets.key_bytes("token sealing key")}
                return {
                    **self._providers(),
                    **_group("HTTP", public_url=self.places.public_connection),
                    **_group("KEY_RING", current="local-1", keys=_json(keys)),
                    "RELINK_WEB_URL": self.places.public_web,
                    "RELINK_LIMITS_FACTOR": str(LIMITS_FACTOR),
                }
            case "sync-svc":
                return {
                    **self._providers(),
                    **self._services("connection"),
                    **_group("SYNC", lease_seconds=SHORT_LEASE_SECONDS),
                    "RELINK_HASH_KEY": self.secrets.text("list hash key"),
                }
            case "publish-svc":
                return {
                    **self._providers(),
                    **self._services("connection"),
                    **_group("DOCUMENTS", allowed_origins=_json([self.places.simulator])),
                    **_group("PUBLISHING", write_deadline_seconds="5", lease_seconds=SHORT_LEASE_SECONDS),
                }
            case "notifier-svc":
                host, _, port = self.places.mail.partition(":")
                mail = _group(
                    "MAIL",
                    host=host,
                    port=port,
                    sender="Relink <relink@relink.example>",
                    lease_seconds=SHORT_LEASE_SECONDS,
                )
                return {**mail, **self._services("connection", identity=self.places.simulator)}
            case "web-svc":
                services = self._services("connection", "sync", "list", "publish", identity=self.places.simulator)
                return {**services, **self._sign_in()}
            case _:
                return {}

    def _services(self, *names: str, **others: str) -> Environment:
        """Where other services of ours answer, and other systems; the simulator plays the identity system."""
        return _group("SERVICES", **{name: self.places.services[f"{name}-svc"] for name in names}, **others)

    def _sign_in(self) -> Environment:
        sign_in = _group(
            "SIGN_IN",
            issuer=f"{self.places.public_simulator}/oidc",
            inside_url=f"{self.places.simulator}/oidc",
            client_id="relink-web",
            client_secret=self.secrets.text("oidc client secret"),
        )
        return {**_group("HTTP", public_url=self.places.public_web), **sign_in}

    def _providers(self) -> Environment:
        """All practice providers: pages for a browser under the public address, the rest inside."""
        places = {"public": self.places.public_simulator, "inside": self.places.simulator}
        told: Environment = {}
        for provider in PROVIDERS:
            told |= _group(
                f"PROVIDERS__{provider.upper()}",
                **addresses_of(provider, **places),
                client_id=f"relink-{provider}",
                client_secret=self.secrets.text(f"{provider} client secret"),
                longest_processing_seconds=PRACTICE_PROCESSING_SECONDS,
            )
        return told

    def _simulator(self) -> Environment:
        clients: Environment = {}
        for provider in PROVIDERS:
            callback = f"{self.places.public_connection}/oauth/callback/{provider}"
            clients |= self._client(provider, f"relink-{provider}", callback)
        return {
            **_group(
                "SIM",
                host=self.places.listen_host,
                port=str(self.places.ports["simulator"]),
                public_url=self.places.public_simulator,
                state_file=self.state_file,
                limits_factor=str(LIMITS_FACTOR),
            ),
            **self._clock("SIM"),
            **clients,
            **self._client("oidc", "relink-web", f"{self.places.public_web}/sign-in/callback"),
        }

    def _clock(self, group: str) -> Environment:
        return _group(group, clock_offset_file=self.clock_offset_file) if self.clock_offset_file else {}

    def _client(self, issuer: str, client_id: str, redirect_uri: str) -> Environment:
        return _group(
            f"SIM__{issuer.upper()}",
            client_id=client_id,
            client_secret=self.secrets.text(f"{issuer} client secret"),
            redirect_uris=_json([redirect_uri]),
        )


def _json(value: object) -> str:
    """JSON without spaces, which every reader of environment files takes as it is."""
    return json.dumps(value, separators=(",", ":"))


def _group(name: str, **settings: str) -> Environment:
    return {f"RELINK_{name}__{setting.upper()}": value for setting, value in settings.items()}


def _module(name: str) -> tuple[str, ...]:
    service, _, role = name.partition(".")
    return (package_of(service), role) if role else (service,)
