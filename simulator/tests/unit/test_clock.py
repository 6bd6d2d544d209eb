from datetime import timedelta
from pathlib import Path

from simulator.clock import Clocks


def ahead(clocks: Clocks) -> timedelta:
    return clocks.domain() - clocks.system()


def test_the_domain_clock_follows_the_offset_file_each_time_it_is_asked(tmp_path: Path) -> None:
    offset_file = tmp_path / "clock"
    clocks = Clocks(offset_file)
    assert abs(ahead(clocks)) < timedelta(seconds=1)
    offset_file.write_text("31536000\n")
    assert abs(ahead(clocks) - timedelta(days=365)) < timedelta(seconds=1)


def test_a_file_that_is_just_being_rewritten_keeps_the_last_offset(tmp_path: Path) -> None:
    offset_file = tmp_path / "clock"
    offset_file.write_text("86400")
    clocks = Clocks(offset_file)
    clocks.domain()
    offset_file.write_text("")
    assert abs(ahead(clocks) - timedelta(days=1)) < timedelta(seconds=1)
