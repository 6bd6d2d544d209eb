import os
import subprocess
import sys

import pytest
from build_chassis import TESTS, a_key
from pydantic_settings import BaseSettings

from chassis import settings
from chassis.settings import DatabaseSettings, IdentitySettings, LongSecret, ProcessSettings

PRIVATE, PUBLIC = a_key()
GOOD = {
    "RELINK_DATABASE__URL": "postgresql://app:hunter2@127.0.0.1/stub",
    "RELINK_IDENTITY__SERVICE_KEY": PRIVATE,
    "RELINK_IDENTITY__PEERS": '{"front": {"kty": "OKP", "crv": "Ed25519", "x": "abc"}}',
    "RELINK_PROCESS__ENVIRONMENT": "test",
    "RELINK_HASH_KEY": "k" * 32,
}


class Settings(BaseSettings):
    database: DatabaseSettings
    identity: IdentitySettings
    process: ProcessSettings
    hash_key: LongSecret


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RELINK_")]:
        monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        settings.load(Settings)
    assert left.value.code == 2
    return capsys.readouterr().err.strip()


def test_groups_are_read_from_nested_variables() -> None:
    loaded = settings.load(Settings)

    assert loaded.database.url.get_secret_value() == GOOD["RELINK_DATABASE__URL"]
    assert loaded.database.direct == loaded.database.url
    assert loaded.identity.accepts == {}
    assert loaded.process.environment == "test"


def test_the_tests_own_variables_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELINK_TEST_KAFKA", "127.0.0.1:1")
    settings.load(Settings)


@pytest.mark.parametrize("name", ["RELINK_DATABSE__URL", "RELINK_DATABASE__URI", "RELINK_COLOUR", "relink_colour"])
def test_a_variable_that_is_no_setting_is_named(name: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv(name, "x")
    assert refusal(capsys) == f"{name.upper()} is not a setting."


@pytest.mark.parametrize("name", ["RELINK_DATABASE__URL", "RELINK_HASH_KEY", "RELINK_IDENTITY__PEERS"])
def test_a_variable_that_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.delenv(name)
    assert refusal(capsys) in (f"{name} is missing.", f"{name.split('__', maxsplit=1)[0]} is missing.")


def test_a_whole_group_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.delenv("RELINK_DATABASE__URL")
    assert refusal(capsys).startswith("RELINK_DATABASE")


def test_a_short_key_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("RELINK_HASH_KEY", "hunter2")
    told = refusal(capsys)
    assert told == "RELINK_HASH_KEY is too short."


@pytest.mark.parametrize("key", ["hunter2", '{"kty": "OKP"}', "{}", "[]", '{"kty": "oct", "k": "aHVudGVyMg"}'])
def test_a_service_key_that_is_none_is_named_and_not_shown(key: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("RELINK_IDENTITY__SERVICE_KEY", key)
    told = refusal(capsys)
    assert told == "RELINK_IDENTITY__SERVICE_KEY is not an Ed25519 key in JWK form."


def test_a_public_key_is_no_service_key(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("RELINK_IDENTITY__SERVICE_KEY", str(PUBLIC).replace("'", '"'))
    assert refusal(capsys) == "RELINK_IDENTITY__SERVICE_KEY is only a public key."


def test_what_is_not_json_is_named(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("RELINK_IDENTITY__PEERS", "{hunter2")
    told = refusal(capsys)
    assert told.startswith("RELINK_IDENTITY")
    assert "hunter2" not in told


def test_every_mistake_is_told_at_once(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("RELINK_COLOUR", "red")
    monkeypatch.setenv("RELINK_PROCESS__ENVIRONMENT", "moon")
    monkeypatch.setenv("RELINK_HASH_KEY", "short")
    told = refusal(capsys).splitlines()
    assert [sentence.split(" ")[0] for sentence in told] == [
        "RELINK_COLOUR",
        "RELINK_PROCESS__ENVIRONMENT",
        "RELINK_HASH_KEY",
    ]


def test_production_takes_no_clock_offset(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("RELINK_PROCESS__ENVIRONMENT", "production")
    settings.load(Settings)
    monkeypatch.setenv("RELINK_PROCESS__CLOCK_OFFSET_FILE", "offset")
    told = refusal(capsys)
    assert told == "RELINK_PROCESS is production, which takes neither a clock offset nor failpoints."


@pytest.mark.parametrize(("environment", "status"), [("test", 0), ("production", 2)])
def test_failpoints_arm_a_test_and_never_production(environment: str, status: int) -> None:
    code = "from chassis.settings import *\nclass Settings(BaseSettings):\n    process: ProcessSettings\nload(Settings)"
    told = {"RELINK_PROCESS__ENVIRONMENT": environment, "RELINK_TEST_FAILPOINTS": "relay.sent:1:SIGKILL"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], **told},
        cwd=TESTS,
    )
    assert ended.returncode == status


def test_a_process_that_is_set_wrongly_exits_with_2_and_one_sentence() -> None:
    code = (
        "from chassis.settings import *\nclass Settings(BaseSettings):\n    database: DatabaseSettings\nload(Settings)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
        cwd=TESTS,
    )
    assert (ended.returncode, ended.stderr.strip()) == (2, "RELINK_DATABASE is missing.")
