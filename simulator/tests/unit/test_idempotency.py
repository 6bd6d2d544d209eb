from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from build_simulator import NOON, a_call

from simulator import idempotency
from simulator.calls import Answer
from simulator.state import State, Tx
from simulator.xero.gateway import KEY_LIFETIME


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Tx]:
    state = State(tmp_path / "state.sqlite")
    with state.transaction() as tx:
        yield tx
    state.close()


def test_an_answer_is_kept_for_six_minutes_of_the_system_clock(tx: Tx) -> None:
    first = a_call()
    idempotency.keep(first, tx, "k", Answer(400, b"refused"), lifetime=KEY_LIFETIME)
    almost = a_call(system_now=NOON + timedelta(minutes=6, milliseconds=-1), now=NOON + timedelta(days=365))
    assert idempotency.find(almost, tx, "k").answer == Answer(400, b"refused")
    assert idempotency.find(a_call(system_now=NOON + timedelta(minutes=6)), tx, "k") is None


def test_a_key_belongs_to_one_organisation(tx: Tx) -> None:
    idempotency.keep(a_call(), tx, "k", Answer(200), lifetime=KEY_LIFETIME)
    assert idempotency.find(a_call(organisation="another"), tx, "k") is None


@pytest.mark.parametrize("changes", [{"body": b"{ }"}, {"method": "POST"}, {"path": "/x"}, {"query_text": "a=b"}])
def test_another_body_method_path_or_query_is_another_request(changes: dict) -> None:
    assert idempotency.fingerprint(a_call(**changes)) != idempotency.fingerprint(a_call())
