"""What the machine lacks is told in one sentence that says what to install, or that Docker does instead."""

import base64
from pathlib import Path

import pytest

from devstack.home import DevstackError
from devstack.kafka import Installation, _cluster_id


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder in which programs are found; it is empty."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def java_of_version(version: str, folder: Path) -> None:
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)


@pytest.mark.usefixtures("programs")
def test_a_missing_jdk_is_told(tmp_path: Path) -> None:
    with pytest.raises(DevstackError, match=r"Java is missing.*install a JDK.*or run everything in Docker"):
        Installation(tmp_path / "kafka").ensure()


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_402"])
def test_a_jdk_that_is_too_old_is_told(programs: Path, tmp_path: Path, version: str) -> None:
    java_of_version(version, programs)

    with pytest.raises(DevstackError, match=r"too old for Kafka: install a JDK"):
        Installation(tmp_path / "kafka").ensure()


def test_a_missing_maven_is_told(programs: Path, tmp_path: Path) -> None:
    java_of_version("17.0.15", programs)

    with pytest.raises(DevstackError, match=r"Maven is missing.*install it.*or run everything in Docker"):
        Installation(tmp_path / "kafka").ensure()


def test_an_id_of_a_cluster_has_16_bytes_and_is_never_read_as_an_option() -> None:
    for _ in range(200):
        made = _cluster_id()
        assert not made.startswith("-")
        assert len(base64.urlsafe_b64decode(made + "==")) == 16
