from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devstack.clock import StackClock


def test_time_that_passed_stays_passed_for_every_reader(tmp_path: Path) -> None:
    StackClock(tmp_path / "clock").advance(timedelta(days=365))
    StackClock(tmp_path / "clock").advance(timedelta(hours=1))

    ahead = StackClock(tmp_path / "clock").now() - datetime.now(UTC)

    assert timedelta(days=365, minutes=59) < ahead < timedelta(days=365, minutes=61)


def test_time_does_not_go_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only goes forward"):
        StackClock(tmp_path / "clock").advance(timedelta(seconds=-1))
