"""Sessions: the same suite for the real ones and for the fake of the page tests."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from build_web_svc import SessionsInMemory

from chassis.database import Database
from web_svc.store.sessions import Session, Sessions, SignIn, StoredSessions

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=12)
SIGN_IN = SignIn(state="s", nonce="n", verifier="v", return_to="/b/biz_demo/inbox")


@pytest.fixture(params=["stored", "in memory"])
def sessions(request: pytest.FixtureRequest, database: Database) -> Sessions:
    made: dict[str, Callable[[], Sessions]] = {
        "stored": lambda: StoredSessions(database),
        "in memory": SessionsInMemory,
    }
    return made[request.param]()


async def test_an_open_session_is_found_until_it_ends(sessions: Sessions) -> None:
    session = Session("usr_anna", LATER)
    await sessions.open("secret", session, now=NOW)
    assert await sessions.find("secret", now=LATER - timedelta(seconds=1)) == session
    assert await sessions.find("secret", now=LATER) is None


async def test_an_id_that_nobody_was_given_finds_nothing(sessions: Sessions) -> None:
    await sessions.open("secret", Session("usr_anna", LATER), now=NOW)
    assert await sessions.find("Secret", now=NOW) is None


async def test_a_closed_session_is_gone_and_closing_it_again_changes_nothing(sessions: Sessions) -> None:
    await sessions.open("mine", Session("usr_anna", LATER), now=NOW)
    await sessions.open("other", Session("usr_ben", LATER), now=NOW)
    await sessions.close("mine")
    await sessions.close("mine")
    assert await sessions.find("mine", now=NOW) is None
    assert await sessions.find("other", now=NOW) == Session("usr_ben", LATER)


async def test_a_sign_in_comes_back_once(sessions: Sessions) -> None:
    await sessions.begin("secret", SIGN_IN, expires_at=LATER)
    assert await sessions.take("secret", now=NOW) == SIGN_IN
    assert await sessions.take("secret", now=NOW) is None


async def test_a_sign_in_that_comes_back_twice_at_once_is_taken_by_one(sessions: Sessions) -> None:
    await sessions.begin("secret", SIGN_IN, expires_at=LATER)
    taken = await asyncio.gather(*(sessions.take("secret", now=NOW) for _ in range(4)))
    assert sorted(map(bool, taken)) == [False, False, False, True]


async def test_a_sign_in_that_took_too_long_is_not_taken(sessions: Sessions) -> None:
    await sessions.begin("secret", SIGN_IN, expires_at=NOW)
    assert await sessions.take("secret", now=NOW) is None


async def test_what_has_ended_is_forgotten_with_the_next_session(database: Database) -> None:
    sessions = StoredSessions(database)
    await sessions.begin("left", SIGN_IN, expires_at=NOW)
    await sessions.open("old", Session("usr_anna", NOW), now=NOW - timedelta(hours=12))
    await sessions.open("new", Session("usr_anna", LATER), now=NOW)
    async with database.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM sign_ins") == 0
        assert await tx.fetchval("SELECT count(*) FROM sessions") == 1


async def test_no_secret_stands_in_the_database(database: Database) -> None:
    sessions = StoredSessions(database)
    await sessions.begin("marker-of-the-sign-in", SIGN_IN, expires_at=LATER)
    await sessions.open("marker-of-the-session", Session("usr_anna", LATER), now=NOW)
    async with database.acquire() as tx:
        rows = [*await tx.fetch("SELECT * FROM sign_ins"), *await tx.fetch("SELECT * FROM sessions")]
    assert len(rows) == 2
    assert "marker-of" not in str([dict(row) for row in rows])
