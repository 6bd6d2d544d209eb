"""Whatever is sent to an API, it answers as its OpenAPI document says, and never with a 5xx.

Each service runs as its own process on a database of its own. Requests are generated from the document, good and broken
ones. An id that exists takes the place of an invented one now and then, or everything would end at 404.
"""

import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chassis.service_tokens import ServiceSigner
from devstack.environments import package_of
from devstack.home import Home
from devstack.openapi import FOLDER, WITH_AN_API
from devstack.processes import wait_until
from devstack.stack import Stack

REQUESTS = 25  # of each operation, good ones and broken ones each
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


ROLES = ["admin", "admin", "member", "service"]

Headers = dict[str, str]


@pytest.mark.parametrize("service", WITH_AN_API)
async def test_every_answer_to_whatever_request_is_in_the_document(
    service: str, new_database: Callable[[str | None], Awaitable[str]], tmp_path: Path
) -> None:
    stack = Stack(Home(tmp_path))
    key = stack.secrets.signing_key("web-svc service key").as_dict(private=True)
    signer = ServiceSigner("web-svc", json.dumps(key))

    def as_(role: str) -> Headers:
        return {"Authorization": f"Bearer {signer.token(service, 'usr_anna', 'biz_demo', role)}"}

    document = json.loads((FOLDER / f"{service}.json").read_text())
    with running(service, stack, await new_database(package_of(service))) as address:
        known = a_pending_connection(stack, address, as_("admin")) if service == "connection-svc" else "con_none"
        for operation in schemathesis.openapi.from_dict(document).get_all_operations():
            for mode in GenerationMode:
                probe(operation.ok(), mode, known, lambda case, role: send(case, address, as_(role)))


def probe(operation: APIOperation, mode: GenerationMode, known: str, ask: Callable[[Case, str], None]) -> None:
    @settings(
        max_examples=REQUESTS,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), role=st.sampled_from(ROLES), about_known=st.booleans())
    def whatever(*, case: Case, role: str, about_known: bool) -> None:
        if about_known and "connection_id" in (case.path_parameters or {}):
            case.path_parameters["connection_id"] = known
        ask(case, role)

    whatever()


def send(case: Case, address: str, headers: Headers) -> None:
    case.call_and_validate(base_url=address, headers=headers, checks=CHECKS, allow_redirects=False)


def a_pending_connection(stack: Stack, address: str, headers: Headers) -> str:
    wanted = {
        "provider": "xero",
        "intent": "connect",
        "channel": "web",
        "return_to": f"{stack.addresses['web-svc']}/b/biz_demo/settings/connections",
        "browser_binding": "0" * 64,
    }
    answer = httpx2.post(f"{address}/api/v1/connection-attempts", json=wanted, headers=headers).raise_for_status()
    return str(answer.json()["connection_id"])


@contextmanager
def running(service: str, stack: Stack, database_url: str) -> Iterator[str]:
    """The service's API process on this database; gives its address."""
    program, address = stack.program(f"{service}.api"), stack.addresses[service]
    environment = {**program.environment, "RELINK_DATABASE__URL": database_url}
    process = subprocess.Popen(program.command, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_ready(address), service)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def is_ready(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/health/ready").is_success
    except httpx2.TransportError:
        return False
