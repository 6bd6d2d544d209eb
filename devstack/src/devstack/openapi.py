"""Writes `contracts/openapi/<service>.json` from the services' own routes, so that a review shows an API changing.

`python -m devstack.openapi`; with `--check` it only says what is stale, as part of `make check`.
"""

import argparse
import asyncio
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx2

from chassis import settings
from chassis.database import Database
from devstack.environments import SERVICES, package_of
from devstack.home import CHECKOUT, Home
from devstack.stack import Stack

FOLDER: Final = CHECKOUT / "contracts" / "openapi"
WITH_AN_API: Final = tuple(service for service in SERVICES if service != "web-svc")


async def document(service: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The OpenAPI document of a service that is told this. Nothing is connected to."""
    package = package_of(service)
    with patch.dict(os.environ, environment):
        told: Any = settings.load(importlib.import_module(f"{package}.settings").Settings)
    parts: list[object] = [told, await Database.connect(told.database.url.get_secret_value())]
    async with httpx2.AsyncClient() as http:
        if service == "connection-svc":
            parts.append(http)
        app = importlib.import_module(f"{package}.main.api").build_app(*parts)
    described: dict[str, Any] = app.openapi()
    return described


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m devstack.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="say what is stale and write nothing")
    only_check = parser.parse_args().check
    stale = []
    with tempfile.TemporaryDirectory() as directory:
        stack = Stack(Home(Path(directory)))
        for service in WITH_AN_API:
            described = asyncio.run(document(service, stack.program(f"{service}.api").environment))
            file, text = FOLDER / f"{service}.json", json.dumps(described, indent=2, ensure_ascii=False) + "\n"
            if not file.exists() or file.read_text() != text:
                stale.append(file.relative_to(CHECKOUT))
                if not only_check:
                    file.parent.mkdir(exist_ok=True)
                    file.write_text(text)
    for each in stale:
        print(f"{each} {'is stale: python -m devstack.openapi' if only_check else 'written'}")  # noqa: T201 - a command
    return 1 if stale and only_check else 0


if __name__ == "__main__":
    sys.exit(main())
