"""PostgreSQL's disk full fails closed: nothing confirmed is lost, nothing is half done, and freed it goes on by itself.

The data directory is a small tmpfs. Full, either tables can no longer grow, which fails one statement after the other,
or the write-ahead log cannot, which is a crash of the whole server: it is started again once there is room.
"""

import asyncio
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from faultlib.ground import Ground, make_template
from faultlib.servers import Servers, start_postgres

from devstack.home import Home
from devstack.postgres import remove

_DISK: Final = "200m"
_AS_ROOT: Final = () if os.geteuid() == 0 else ("sudo", "-n")
_OUTAGES: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


@pytest.fixture(scope="module")
def fault_servers(fault_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The run's Kafka, and a PostgreSQL on a disk of its own. To mount that, one must be root or have sudo."""
    home = Home(tmp_path_factory.mktemp("small-disk"))
    postgres, url = start_postgres(home, _onto_a_small_disk)
    data = home.postgres.resolve() / "data"
    servers = replace(fault_servers, postgres=postgres, postgres_url=url)
    asyncio.run(make_template(servers))
    yield servers
    postgres.stop_now()
    _run("umount", str(data))
    remove(home.postgres)


async def test_a_full_disk_stops_everything_and_loses_and_repeats_nothing(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    data = Path(await ground.value("SHOW data_directory"))
    await asyncio.gather(ground.start("consumer"), ground.start("relay"))
    producer = await ground.start("producer", rate=plan.choice([40, 60]), padding=1000)
    await asyncio.sleep(plan.uniform(0.5, 2))
    is_log_full = plan.random() < 0.5
    filler = data / "filler"
    _fill(filler, spare=plan.choice([0, 0, 100_000]))
    for _ in range(30):
        await asyncio.sleep(0.1)
        if is_log_full:
            await _use_up_the_log(ground)
    failed = producer.did("failed") + producer.did("unknown")
    filler.unlink()
    over = time.monotonic()
    if not ground.servers.postgres.lives:
        await ground.servers.postgres.start()
    recovery = await ground.recovered(over)
    await producer.stop()
    await ground.drained()
    await ground.stop_all()
    assert failed, "the disk was never full: this seed shows nothing"
    await ground.verdict(recovery_seconds=recovery)


async def _use_up_the_log(ground: Ground) -> None:
    try:
        await ground.value("SELECT pg_switch_wal()")
    except _OUTAGES:
        return


def _fill(filler: Path, *, spare: int) -> None:
    """Write until there is no room, then give back `spare` bytes."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
        file.truncate(file.tell() - spare)


def _onto_a_small_disk(data: Path) -> None:
    aside = data.with_name("data-aside")
    data.rename(aside)
    data.mkdir()
    owner = aside.stat()
    options = f"size={_DISK},mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(data))
    _run("cp", "-a", f"{aside}/.", str(data))
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("max_wal_size = 48MB\nmin_wal_size = 32MB\n")
    shutil.rmtree(aside)


def _run(*command: str) -> None:
    done = subprocess.run([*_AS_ROOT, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} failed (root, or sudo, is needed): {done.stderr.strip()}"
