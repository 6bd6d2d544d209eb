"""`relink-contracts` in another team's environment: its wheel and what it depends on, nothing else."""

import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from relink_contracts.generate import CONTRACTS

DECODES_AN_EXAMPLE = """
import sys
from pathlib import Path
from relink_contracts import decode, testing, topics
event = decode(testing.read_example(Path(sys.argv[1])))
print(event.type, event.data.reason, len(topics.load()))
"""


def with_dependencies(name: str) -> dict[str, Distribution]:
    """The named distribution and all that it needs, as they lie in this environment."""
    found: dict[str, Distribution] = {}
    wanted = [name]
    while wanted:
        dist = distribution(wanted.pop())
        if dist.name in found:
            continue
        found[dist.name] = dist
        requirements = [Requirement(text) for text in dist.requires or []]
        wanted += [r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that holds the built wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("another-team")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CONTRACTS)],
        check=True,
        capture_output=True,
    )
    venv.create(folder / "venv", symlinks=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(packages)
    for dist in with_dependencies("relink-contracts").values():
        if dist.name != "relink-contracts":
            for top in {file.parts[0] for file in dist.files or [] if file.parts[0] != ".."}:
                (packages / top).symlink_to(Path(str(dist.locate_file(top))))
    return folder / "venv" / "bin" / "python"


def test_it_decodes_an_example_and_brings_the_topics(python: Path) -> None:
    example = CONTRACTS / "examples/connection.expired/1.0.0/consent-lapsed.json"

    done = subprocess.run(
        [python, "-I", "-c", DECODES_AN_EXAMPLE, str(example)], check=True, capture_output=True, text=True
    )

    assert done.stdout.split() == ["relink.connection.expired.v1", "consent_lapsed", "18"]


@pytest.mark.parametrize("ours", ["chassis", "providers", "list_svc", "aiokafka", "fastapi"])
def test_it_brings_nothing_of_the_system_along(python: Path, ours: str) -> None:
    done = subprocess.run([python, "-I", "-c", f"import {ours}"], check=False, capture_output=True, text=True)

    assert f"No module named '{ours}'" in done.stderr
