import json
import logging
import os
import subprocess
import sys

import pytest

from chassis.observe import at_most, links_to, scrub, scrubbed, traceparent

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2",
        "postgresql://app:hunter2@db/stub refused",
        '{"refresh_token": "hunter2"}',
        "{'password': 'hunter2'}",
        "GET /callback?code=hunter2&state=hunter2",
        "client_secret=hunter2 and more",
        "token eyJhbGciOiJFZERTQSJ9.hunter2.hunter2",
    ],
)
def test_a_secret_in_a_text_is_hidden(text: str) -> None:
    assert "hunter2" not in scrub(text)
    assert "[hidden]" in scrub(text)


@pytest.mark.parametrize(
    "text", ["no_key: the record has no key", "error code: 17", "state is active", "con_17 expired"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrub(text) == text


def test_a_message_is_cut_to_its_first_500_characters() -> None:
    assert len(scrub("x" * 1000)) == 500


def test_a_field_is_hidden_by_its_name_however_deep() -> None:
    event = {
        "access_token": "hunter2",
        "code": "unexpected",
        "data": {"cookie": "hunter2", "list": ["password=hunter2"]},
    }

    kept = scrubbed(None, "info", event)

    assert "hunter2" not in str(kept)
    assert kept["code"] == "unexpected"


def test_a_flood_of_one_library_is_dammed_and_others_pass() -> None:
    may_pass = at_most(3, of="aiokafka")
    flood = [logging.makeLogRecord({"name": "aiokafka.conn", "created": 100.0}) for _ in range(10)]
    assert [may_pass(record) for record in flood] == [True] * 3 + [False] * 7
    assert may_pass(logging.makeLogRecord({"name": "chassis", "created": 100.0}))
    assert may_pass(logging.makeLogRecord({"name": "aiokafka", "created": 111.0}))


def test_a_records_traceparent_becomes_a_link() -> None:
    [link] = links_to([("ce_id", b"x"), ("traceparent", PARENT.encode())])
    assert f"{link.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert links_to([("traceparent", b"\xffnonsense")]) == []
    assert links_to([]) == []
    assert traceparent() == {}


CODE = """
import logging, structlog
from types import SimpleNamespace
from chassis.observe import configure_logging, hearing
configure_logging("stub-svc", "info")
structlog.contextvars.bind_contextvars(request_id="req-1")
structlog.get_logger("a").info("thing.happened", thing_id="thg_1", password="hunter2")
logging.getLogger("library").warning("Bearer %s", "hunter2")
logging.getLogger("library").debug("nothing")
try:
    secret = "hunter3"
    raise RuntimeError("token=hunter2")
except RuntimeError:
    structlog.get_logger("a").exception("thing.failed")
hearing.set(SimpleNamespace(type="relink.thing.happened.v1", id=7, subject="thg_1"))
structlog.get_logger("a").info("thing.heard")
"""


def test_every_line_is_json_with_service_and_context_and_without_secrets() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]

    assert [line["event"] for line in lines] == ["thing.happened", "Bearer [hidden]", "thing.failed", "thing.heard"]
    assert all(line["service"] == "stub-svc" and line["request_id"] == "req-1" for line in lines)
    assert {"level", "timestamp", "logger"} <= lines[0].keys()
    assert "RuntimeError" in lines[2]["exception"]
    about = (lines[3]["event_type"], lines[3]["event_id"], lines[3]["subject"])
    assert about == ("relink.thing.happened.v1", "7", "thg_1")
    assert "hunter2" not in ended.stderr
