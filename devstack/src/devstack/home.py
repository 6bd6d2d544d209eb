"""Where the local stack keeps what it remembers: one folder, `.devstack`, in the checkout."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


class DevstackError(Exception):
    """One sentence for the person at the keyboard: what is wrong, and what to do about it."""


@dataclass(frozen=True)
class Home:
    """The paths below one `.devstack` folder. Nothing is created by asking for a path."""

    directory: Path

    @property
    def addresses(self) -> Path:
        return self.directory / "addresses.json"

    @property
    def ports(self) -> Path:
        return self.directory / "ports.json"

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets.json"

    @property
    def clock_offset(self) -> Path:
        return self.directory / "clock-offset"

    @property
    def lock(self) -> Path:
        """Held by the one command that starts or stops processes."""
        return self.directory / "lock"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def mail(self) -> Path:
        return self.directory / "mail"

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def broker(self) -> Path:
        return self.directory / "broker"

    @property
    def simulator(self) -> Path:
        return self.directory / "simulator"


def home_of_checkout() -> Home:
    return Home(CHECKOUT / ".devstack")


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold the lock file: a second process that wants it waits. It ends with the process, however that ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_whole(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old content or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    Path(name).chmod(mode)
    Path(name).replace(path)


def read_json(path: Path) -> dict[str, object]:
    """Answer the file's object, or an empty one where there is no file yet."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        raise DevstackError(f"{path} cannot be read ({error}): delete it and run `make up` again") from error
    if not isinstance(content, dict):
        raise DevstackError(f"{path} holds no JSON object: delete it and run `make up` again")
    return content
