import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from devstack.home import DevstackError, Home
from devstack.processes import Processes, Program, Running


def sleeper(name: str = "sleeper", code: str = "import time; time.sleep(60)") -> Program:
    return Program(name, (sys.executable, "-S", "-c", code), {"PATH": os.environ["PATH"]}, Path("/"))


@pytest.fixture
def processes(tmp_path: Path):
    started = Processes(Home(tmp_path))
    yield started
    for name in started.names():
        started.kill(name)


def test_a_started_process_is_known_to_whoever_reads_the_file_later(processes: Processes) -> None:
    started = processes.start(sleeper())

    assert Processes(processes.home).running("sleeper") == started


def test_starting_what_runs_already_starts_nothing(processes: Processes) -> None:
    assert processes.start(sleeper()) == processes.start(sleeper())


def test_a_number_that_now_belongs_to_a_stranger_is_not_ours(processes: Processes) -> None:
    stranger = processes.start(sleeper("stranger"))
    processes._record("sleeper", Running(stranger.pid, stranger.started - 3600, "none.log"))

    assert processes.running("sleeper") is None
    assert processes.stale() == ["sleeper"]


def test_stopping_a_stale_record_signals_nobody(processes: Processes) -> None:
    started = processes.start(sleeper())
    processes._record("old", Running(started.pid, started.started - 3600, "none.log"))

    processes.stop("old")

    assert processes.names() == ["sleeper"]
    assert processes.stale() == []


def test_a_stopped_process_is_gone_and_forgotten(processes: Processes) -> None:
    started = processes.start(sleeper())

    processes.stop("sleeper")

    assert not psutil.pid_exists(started.pid)
    assert processes.names() == []


def test_a_process_that_will_not_end_is_killed(processes: Processes) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(9)"
    )
    started = processes.start(sleeper(code=deaf))
    while "deaf" not in Path(started.log).read_text():
        time.sleep(0.01)

    Processes(processes.home, stop_seconds=0.2).stop("sleeper")

    assert processes.running("sleeper") is None


def test_a_process_killed_from_outside_is_stale_and_can_be_started_again(processes: Processes) -> None:
    started = processes.start(sleeper())
    os.killpg(started.pid, signal.SIGKILL)
    while processes.running("sleeper"):
        time.sleep(0.01)

    assert processes.stale() == ["sleeper"]
    assert processes.start(sleeper()).pid != started.pid


def test_killing_what_does_not_run_is_refused_in_a_sentence(processes: Processes) -> None:
    with pytest.raises(DevstackError, match="sleeper is not running"):
        processes.kill("sleeper")
