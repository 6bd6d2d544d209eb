"""The local stack's Kafka and PostgreSQL, in a folder of their own. The services' part is played by `make demo`."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psutil
import pytest

from devstack.home import DevstackError, Home
from devstack.kafka import Installation
from devstack.postgres import Postgres, ensure_database
from devstack.stack import Stack
from devstack.topics import ROLES, create_topics, read_to_end, say_memberships
from relink_contracts.events import Membership
from relink_contracts.topics import load

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def silently(sentence: str) -> None:
    del sentence


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    Installation().ensure()
    stack = Stack(Home(tmp_path))
    yield stack
    stack.reset(silently)


def test_what_was_said_survives_sigkill_and_a_restart(stack: Stack) -> None:
    stack.start("kafka")
    address = stack.addresses["kafka"]
    created = create_topics(address, load())
    assert Membership.TOPIC in created
    assert say_memberships(address, now=NOW)

    stack.kill("kafka")
    assert stack.state_of("kafka") == "ended"
    stack.restart("kafka")

    assert create_topics(address, load()) == []
    assert not say_memberships(address, now=NOW), "said once, however often the stack comes up"
    assert len(list(read_to_end(address, Membership.TOPIC))) == len(ROLES)


def test_down_leaves_no_process_and_up_finds_the_data_again(stack: Stack) -> None:
    stack.start("postgres")
    asyncio.run(ensure_database(stack._postgres().url(), "kept", "a-password-of-this-test"))
    pid = stack.processes.running("postgres").pid

    stack.down(silently)
    assert not psutil.pid_exists(pid)
    assert stack.state_of("postgres") == "stopped"

    stack.start("postgres")
    assert "kept" in asyncio.run(databases(stack._postgres()))


async def databases(postgres: Postgres) -> set[str]:
    connection = await asyncpg.connect(postgres.url())
    rows = await connection.fetch("SELECT datname FROM pg_database")
    await connection.close()
    return {row["datname"] for row in rows}


def test_a_taken_port_is_told_in_a_sentence_that_names_it(stack: Stack) -> None:
    port = stack._ports()["kafka"]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(DevstackError, match=f"port {port}, kept for kafka"):
        stack.up(silently)


def test_a_service_that_cannot_start_is_told_with_its_last_words(stack: Stack) -> None:
    stack.home.simulator.mkdir(parents=True)
    (stack.home.simulator / "state.sqlite").write_text("no database at all, but long enough to be read as one")

    with pytest.raises(DevstackError, match="simulator ended while it was starting"):
        stack.start("simulator")
