import os
import signal
import subprocess
import sys

import pytest
from build_chassis import TESTS

PASSES_TWICE = (
    "from chassis import failpoints\nfor _ in range(2):\n    failpoints.reach('there')\nprint('came through')"
)


def passing_twice(armed: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "RELINK_TEST_FAILPOINTS": armed}
    return subprocess.run(
        [sys.executable, "-c", PASSES_TWICE], capture_output=True, text=True, check=False, env=environment, cwd=TESTS
    )


@pytest.mark.parametrize("armed", ["", "elsewhere:1:SIGKILL", "there:3:SIGKILL"])
def test_a_process_passes_a_place_that_is_not_armed_for_this_time(armed: str) -> None:
    ended = passing_twice(armed)
    assert (ended.returncode, ended.stdout) == (0, "came through\n")


@pytest.mark.parametrize("armed", ["there:2:SIGKILL", "elsewhere:1:SIGSTOP,there:1:SIGKILL"])
def test_a_process_ends_at_an_armed_place(armed: str) -> None:
    ended = passing_twice(armed)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "")
