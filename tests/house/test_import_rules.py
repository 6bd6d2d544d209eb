"""The import rules hold, and each can be broken: a copy of the sources with one planted import per rule breaks all.

What it cannot catch: an import that is made by name at run time.
"""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    *ROOT.glob("contracts/src"),
    *ROOT.glob("libs/*/src"),
    *ROOT.glob("services/*/src"),
    ROOT / "simulator/src",
    ROOT / "devstack/src",
]

PLANTED = {
    "services-are-strangers": ("sync_svc/work/planted_stranger.py", "import list_svc.domain"),
    "dependencies-point-down": ("chassis/planted_upward.py", "import sync_svc.domain"),
    "inside-a-service": ("sync_svc/store/planted_inside.py", "import sync_svc.work"),
    "domain-is-pure": ("sync_svc/domain/planted_impure.py", "import asyncpg"),
    "only-the-chassis-meets-kafka": ("sync_svc/work/planted_kafka.py", "import aiokafka"),
    "administration-of-kafka": ("sync_svc/work/planted_admin.py", "import confluent_kafka"),
    "the-chassis-knows-no-event": ("chassis/planted_event.py", "import relink_contracts.events"),
    "providers-stand-alone": ("providers/planted_ours.py", "import relink_contracts"),
    "the-simulator-stands-outside": ("simulator/planted_inside.py", "import providers"),
    "nobody-leans-on-the-simulator": ("sync_svc/work/planted_practice.py", "import simulator"),
    "only-some-speak-http": ("sync_svc/work/planted_http.py", "import httpx2"),
    "old-http-client": ("providers/planted_old.py", "import httpx"),
    "only-logins-import-authlib": ("sync_svc/work/planted_login.py", "import authlib"),
    "settings-are-read-in-main": ("sync_svc/work/planted_settings.py", "import sync_svc.settings"),
}


def rules() -> dict[str, str]:
    """The id of each rule and the name that the linter prints for it."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return {s.removeprefix("importlinter:contract:"): parser[s]["name"] for s in parser.sections() if ":contract:" in s}


def lint(sources: str | None = None) -> str:
    environment = os.environ | ({"PYTHONPATH": sources} if sources else {})
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", ROOT / ".importlinter"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT).stdout


def test_the_sources_keep_every_rule() -> None:
    assert re.search(r"Contracts: \d+ kept, 0 broken\.", lint()), "run lint-imports to see which rule is broken"


def test_every_rule_has_a_planted_violation() -> None:
    assert set(PLANTED) == set(rules())


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> str:
    copy = tmp_path_factory.mktemp("planted")
    for source in SOURCES:
        shutil.copytree(source, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for place, line in PLANTED.values():
        (copy / place).write_text(line + "\n")
    return lint(str(copy))


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_a_planted_violation_breaks_its_rule(rule: str, verdicts: str) -> None:
    assert f"{rules()[rule]} BROKEN" in verdicts, verdicts
