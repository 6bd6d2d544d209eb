"""The processes of the local stack: started in groups of their own, known by process id and start time.

A process id alone would be believed after the process died and the system gave its number to a stranger; with the
start time beside it, a record of a dead process is recognised and never makes us signal somebody else's.
"""

import contextlib
import json
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypedDict

import psutil

from devstack.home import DevstackError, Home, read_json, write_whole

READY_SECONDS = 60.0
STOP_SECONDS = 25.0  # above the 15 s in which a service finishes what it has in hand
START_TIME_TOLERANCE = 2.0  # seconds; the system's own clock may be set between two readings


@dataclass(frozen=True)
class Program:
    """What is started under a name. `environment` is the whole environment, nothing is inherited."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    stop_signal: signal.Signals = signal.SIGTERM
    user: str | None = None  # run as this user; only root can


@dataclass(frozen=True)
class Running:
    """A process that was started: its id, its start time in seconds since 1970, and the file with its output."""

    pid: int
    started: float
    log: str


@dataclass
class Processes:
    """The processes recorded in one `addresses.json`. One writer at a time; `Stack` sees to it with a file lock."""

    home: Home
    stop_seconds: float = STOP_SECONDS
    _children: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def running(self, name: str) -> Running | None:
        """Answer the live process of this name, or None: never started, ended, or its number is a stranger's now."""
        record = self._records().get(name)
        return record if record is not None and self._lives(record) else None

    def names(self) -> list[str]:
        """Every recorded name whose process lives."""
        return [name for name, record in self._records().items() if self._lives(record)]

    def stale(self) -> list[str]:
        """Every recorded name whose process is gone, although nobody stopped it."""
        return [name for name, record in self._records().items() if not self._lives(record)]

    def start(self, program: Program) -> Running:
        """Start the program in a process group of its own, unless it runs; its output is appended to its log."""
        already = self.running(program.name)
        if already is not None:
            return already
        log = self.home.logs / f"{program.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 - the commands are ours
                program.command,
                env=dict(program.environment),
                cwd=program.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **as_user(program.user),
            )
        self._children[child.pid] = child
        running = Running(child.pid, psutil.Process(child.pid).create_time(), str(log))
        self._record(program.name, running)
        return running

    def stop(self, program_name: str, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        """Ask the process to end, wait for it, and kill its group when it has not ended in time."""
        record = self.running(program_name)
        if record is not None:
            os.kill(record.pid, stop_signal)
            if not self._ends_within(record, self.stop_seconds):
                os.killpg(record.pid, signal.SIGKILL)
                self._ends_within(record, self.stop_seconds)
        self._record(program_name, None)

    def kill(self, name: str) -> None:
        """SIGKILL the process and all that it started, as a crash would end them, and wait until they are gone."""
        record = self.running(name)
        if record is None:
            raise DevstackError(f"{name} is not running: there is nothing to kill")
        # PostgreSQL's are in groups of their own, and one that outlives the rest keeps the next start from its memory.
        children = psutil.Process(record.pid).children(recursive=True)
        os.killpg(record.pid, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self._ends_within(record, self.stop_seconds)
        psutil.wait_procs(children, timeout=self.stop_seconds)

    def forget(self, names: Iterable[str]) -> None:
        """Drop the records of processes that are gone."""
        for name in names:
            self._record(name, None)

    def _ends_within(self, record: Running, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self._lives(record):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def _lives(self, record: Running) -> bool:
        child = self._children.get(record.pid)
        if child is not None:
            child.poll()  # a child of ours that ended stays a zombie until it is asked
        try:
            process = psutil.Process(record.pid)
            same: bool = abs(process.create_time() - record.started) < START_TIME_TOLERANCE
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def _records(self) -> dict[str, Running]:
        records = read_json(self.home.addresses).get("processes", {})
        if not isinstance(records, dict):
            raise DevstackError(f"{self.home.addresses} lists no processes: delete it and run `make up` again")
        return {name: Running(**record) for name, record in records.items()}

    def _record(self, name: str, running: Running | None) -> None:
        with self._writing:
            content = read_json(self.home.addresses)
            records = {known: asdict(record) for known, record in self._records().items()}
            records.pop(name, None)
            if running is not None:
                records[name] = asdict(running)
            text = json.dumps({**content, "processes": records}, indent=2)
            write_whole(self.home.addresses, text + "\n")


class UserOptions(TypedDict):
    """Options of `subprocess` that choose who runs the process."""

    user: str | None
    group: int | None
    extra_groups: Sequence[int] | None


def as_user(name: str | None) -> UserOptions:
    """Answer the options that run a process as this user alone, without our groups; None changes nothing."""
    if name is None:
        return UserOptions(user=None, group=None, extra_groups=None)
    return UserOptions(user=name, group=pwd.getpwnam(name).pw_gid, extra_groups=())


def wait_until(is_ready: Callable[[], bool], name: str, seconds: float = READY_SECONDS) -> None:
    """Return once it is ready; a DevstackError says that it was not in time."""
    end = time.monotonic() + seconds
    while not is_ready():
        if time.monotonic() > end:
            raise DevstackError(f"{name} was not ready within {seconds:.0f} s")
        time.sleep(0.05)


def tail(log: Path, lines: int) -> str:
    """Answer the last lines of a log, for a message about why a process ended."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
