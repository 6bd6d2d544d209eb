"""The chassis' budget is kept, and the check that keeps it can fail."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "checks" / "chassis_budget.py"


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True, check=False)


def test_the_chassis_is_within_its_budget() -> None:
    result = check(ROOT / "libs" / "chassis" / "src")

    assert result.returncode == 0, result.stdout


def test_a_line_too_many_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("x = 1\n" * 2_301)

    result = check(tmp_path)

    assert result.returncode == 1
    assert "1 over the budget" in result.stdout


def test_a_product_word_is_refused_but_not_inside_another_word(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text('kind = "message"\nother = "Suppliers"\n')

    result = check(tmp_path)

    assert result.returncode == 1
    assert result.stdout.count("product word") == 1
    assert "words.py:2" in result.stdout


def test_a_folder_that_is_not_there_is_said_and_not_passed(tmp_path: Path) -> None:
    assert check(tmp_path / "nowhere").returncode == 2
