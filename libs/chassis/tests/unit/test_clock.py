import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.clock import OffsetClock, SystemClock, happens_within
from chassis.settings import ProcessSettings
from chassis.testing import FrozenClock

A_MOMENT = timedelta(seconds=5)


def test_the_offset_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    shifted = OffsetClock(file)
    assert abs(shifted.now() - datetime.now(UTC)) < A_MOMENT
    file.write_text("31536000\n")
    assert abs(shifted.now() - datetime.now(UTC) - timedelta(days=365)) < A_MOMENT
    file.write_text("")
    assert abs(shifted.now() - datetime.now(UTC)) < A_MOMENT


def test_an_offset_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "offset").write_text("soon")
    with pytest.raises(ValueError, match="soon"):
        OffsetClock(tmp_path / "offset").now()


def test_settings_give_the_shifted_clock_only_with_an_offset_file(tmp_path: Path) -> None:
    assert isinstance(ProcessSettings(environment="production").clock(), SystemClock)
    assert isinstance(ProcessSettings(environment="local", clock_offset_file=tmp_path / "offset").clock(), OffsetClock)


def test_a_frozen_clock_moves_when_told() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    frozen = FrozenClock(noon)
    assert frozen.now() == frozen.now() == noon
    frozen.advance(timedelta(days=1))
    assert frozen.now() == noon + timedelta(days=1)


async def test_waiting_ends_with_the_event_or_with_the_time() -> None:
    event = asyncio.Event()
    assert not await happens_within(event, 0.01)
    event.set()
    assert await happens_within(event, 0)
