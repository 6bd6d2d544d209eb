"""What others made and we ship: exact files, their licences, and nothing that is not used."""

import hashlib
import re
from pathlib import Path

import web_svc
from web_svc.api import problems, timeline

HOME = Path(web_svc.__file__).parent
TEMPLATES = HOME / "templates"
ICONS = TEMPLATES / "icons"
SUMS = HOME / "VENDORED.sha256"
BASECOAT = re.compile(r"\b(btn|badge|card|table|input|alert|field)\b")


def sums() -> dict[str, str]:
    lines = [line.split() for line in SUMS.read_text().splitlines()]
    return {name: digest for digest, name in lines}


def test_every_vendored_file_is_what_it_was_when_it_was_reviewed() -> None:
    files = [*(HOME / "static/vendor").iterdir(), *ICONS.iterdir()]
    found = {str(path.relative_to(HOME)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert found == sums()


def test_every_vendored_package_brings_its_licence() -> None:
    assert {"static/vendor/htmx.LICENSE", "static/vendor/basecoat.LICENSE", "templates/icons/lucide.LICENSE"} <= set(
        sums()
    )


def test_every_icon_is_used_and_every_used_one_is_there() -> None:
    there = {path.stem for path in ICONS.glob("*.svg")}
    templates = "\n".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    in_code = {told.icon for told in vars(problems).values() if isinstance(told, problems.Told)}
    in_code |= {icon for known in (timeline._CONNECTION, timeline._ITEM) for _, _, icon in known.values()}
    assert {name for name in there - in_code if f'"{name}"' not in templates} == set()
    assert (in_code | set(re.findall(r'icon\("([a-z0-9-]+)"', templates))) - there == set()


def test_only_the_macros_name_basecoat_classes() -> None:
    for path in TEMPLATES.glob("*.html"):
        if path.name != "macros.html":
            used = [each for value in re.findall(r'class="([^"]*)"', path.read_text()) for each in value.split()]
            assert [each for each in used if BASECOAT.fullmatch(each)] == [], path.name


def test_no_template_brings_script_or_style_of_its_own() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert re.findall(r"<style|\bstyle=|<script(?! src=)|\bon[a-z]+=|hx-on|javascript:", text) == [], path.name
