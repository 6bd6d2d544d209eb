"""What each process is told fits what its settings ask for, and no process is told another one's secret."""

import importlib
import json
import os
from pathlib import Path

import pytest

from chassis.settings import load
from devstack.environments import PROCESSES, SERVICES, Environments, Places, package_of
from devstack.secrets import Secrets
from simulator import settings as simulator_settings

PORTS = {name: 20_000 + number for number, name in enumerate((*PROCESSES, "simulator"))}


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    places = Places(
        listen_host="127.0.0.1",
        ports=PORTS,
        postgres="127.0.0.1:5432",
        kafka="127.0.0.1:9092",
        mail="127.0.0.1:1025",
        services={service: f"http://{service}.example" for service in SERVICES},
        simulator="http://simulator.example",
        public_web="http://relink.example:8080",
        public_connection="http://relink.example:8081",
        public_simulator="http://practice.example",
    )
    return Environments(places, Secrets(tmp_path / "secrets.json"), str(tmp_path / "clock"), str(tmp_path / "state"))


@pytest.fixture
def no_variable_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RELINK_")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_variable_of_ours")
@pytest.mark.parametrize("name", PROCESSES)
def test_each_process_is_told_exactly_what_its_settings_ask_for(
    environments: Environments, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environments.of(name).items():
        monkeypatch.setenv(variable, value)
    settings = importlib.import_module(f"{package_of(name.partition('.')[0])}.settings").Settings

    assert load(settings).http.port == PORTS[name]


@pytest.mark.usefixtures("no_variable_of_ours")
def test_the_simulator_is_told_exactly_what_its_settings_ask_for(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environments.of("simulator").items():
        monkeypatch.setenv(variable, value)

    assert simulator_settings.load().port == PORTS["simulator"]


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_is_told_another_ones_private_key_or_password(environments: Environments, service: str) -> None:
    told = json.dumps(environments.of(f"{service}.api"))

    for other in set(SERVICES) - {service}:
        assert environments.secrets.signing_key(f"{other} service key").as_dict(private=True)["d"] not in told
        assert environments.secrets.text(f"{other} database password") not in told


def test_only_web_may_speak_for_people(environments: Environments) -> None:
    for service in SERVICES:
        accepts = json.loads(environments.of(f"{service}.api")["RELINK_IDENTITY__ACCEPTS"])
        assert set(accepts) <= {"web-svc"}


def test_a_secret_once_made_is_kept_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"

    first = Secrets(file).text("a password")

    assert Secrets(file).text("a password") == first
    assert file.stat().st_mode & 0o777 == 0o600
