"""What was answered survives the sudden end of the process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from build_simulator import a_supplier, a_xero_bill

from simulator.testing import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, XERO_ORGANISATION, Practice

PATIENCE_SECONDS = 20


@contextmanager
def process(folder: Path, port: int) -> Iterator[tuple[Practice, subprocess.Popen[bytes]]]:
    url = f"http://localhost:{port}"
    told = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_URL": url,
        "STATE_FILE": str(folder / "state.sqlite"),
        **{
            f"{client}__{name}": value
            for client in ("XERO", "QUICKBOOKS", "SAGE", "FREEAGENT", "OIDC")
            for name, value in (
                ("CLIENT_ID", CLIENT_ID),
                ("CLIENT_SECRET", CLIENT_SECRET),
                ("REDIRECT_URIS", json.dumps([REDIRECT_URI])),
            )
        },
    }
    environment = {**os.environ, **{f"RELINK_SIM__{name}": value for name, value in told.items()}}
    running = subprocess.Popen([sys.executable, "-m", "simulator"], env=environment, cwd=folder)
    practice = Practice(url, folder / "clock")
    try:
        wait_until_it_answers(practice)
        yield practice, running
    finally:
        practice.http.close()
        running.kill()
        running.wait(PATIENCE_SECONDS)


def wait_until_it_answers(practice: Practice) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            practice.get("/sim/health").raise_for_status()
        except httpx2.TransportError:
            assert time.monotonic() < deadline, "the simulator does not start"
            time.sleep(0.05)
        else:
            return


def test_a_killed_simulator_forgets_no_document_token_key_fault_or_call(tmp_path: Path, unused_tcp_port: int) -> None:
    with process(tmp_path, unused_tcp_port) as (practice, running):
        tokens = practice.connected("xero", XERO_ORGANISATION)
        xero = practice.xero()
        body = a_xero_bill(a_supplier(xero)["ContactID"])
        first = xero.put("/Invoices", json=body, headers={"Idempotency-Key": "k"})
        practice.fault(path_regex="/Organisation$", times=2, action={"status": 503})
        assert xero.get("/Organisation").status_code == 503
        calls = practice.journal()
        running.send_signal(signal.SIGKILL)
        running.wait(PATIENCE_SECONDS)
    with process(tmp_path, unused_tcp_port) as (practice, running):
        xero.http = practice.http
        assert practice.journal() == calls
        assert len(practice.documents("xero", XERO_ORGANISATION)) == 1
        assert xero.put("/Invoices", json=body, headers={"Idempotency-Key": "k"}).content == first.content
        assert [xero.get("/Organisation").status_code for _ in range(2)] == [503, 200]
        assert practice.refresh("xero", tokens["refresh_token"]).status_code == 200


def test_sigterm_ends_it_at_once(tmp_path: Path, unused_tcp_port: int) -> None:
    with process(tmp_path, unused_tcp_port) as (_, running):
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE_SECONDS) in (0, -signal.SIGTERM)
