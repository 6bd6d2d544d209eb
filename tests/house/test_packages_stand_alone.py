"""Each service, built as wheels with `contracts` and the libs, installs into an empty environment and can be imported.

This finds what an editable checkout hides: a dependency that is not declared, a file that is not packaged.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("connection", "sync", "list", "publish", "notifier", "web")
OURS = ("contracts", "libs/chassis", "libs/providers", *(f"services/{name}-svc" for name in SERVICES))


def uv(*arguments: str | Path) -> None:
    command = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for package in OURS:
        uv(
            "build",
            "--quiet",
            "--wheel",
            "--no-build-isolation",
            "--python",
            sys.executable,
            "--out-dir",
            folder,
            ROOT / package,
        )
    return folder


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_its_main_with_nothing_but_what_it_declares(
    service: str, wheels: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    python = environment / "bin" / "python"
    uv("venv", "--quiet", "--python", sys.executable, environment)
    uv(
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--find-links",
        wheels,
        "--constraint",
        constraints(tmp_path),
        f"{service}-svc",
    )

    program = (
        f"import pkgutil; from importlib import import_module; from {service}_svc import main; "
        "names = [each.name for each in pkgutil.iter_modules(main.__path__, main.__name__ + '.')]; "
        "assert {import_module(name).run for name in names}; "
        f"from chassis.migrations import directory_of; assert any(directory_of('{service}_svc').iterdir())"
    )
    outside = {"capture_output": True, "text": True, "cwd": tmp_path, "env": {"PATH": os.environ["PATH"]}}
    imported = subprocess.run([python, "-c", program], check=False, **outside)

    assert imported.returncode == 0, imported.stderr


def constraints(folder: Path) -> Path:
    """The lock's versions without its hashes, which would forbid our own wheels."""
    pinned = [
        line.split(" ")[0]
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line and not line.startswith(" ")
    ]
    file = folder / "constraints.txt"
    file.write_text("\n".join(pinned))
    return file
