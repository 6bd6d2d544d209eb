import asyncio
import shutil
import sys
from pathlib import Path

import asyncpg
import pytest
from build_chassis import TESTS, process

from chassis import migrations
from chassis.migrations import MigrationRefused, directory_of, migrate

SERVICE = TESTS / "stub_svc"


@pytest.fixture
async def url(new_database) -> str:
    return await new_database(None)


@pytest.fixture
def copied(tmp_path: Path, request: pytest.FixtureRequest):
    """A service whose migrations the test may change."""
    name = f"copied_{abs(hash(request.node.name))}"
    shutil.copytree(SERVICE / "migrations", tmp_path / "migrations")
    (tmp_path / "src" / name).mkdir(parents=True)
    (tmp_path / "src" / name / "__init__.py").touch()
    sys.path.insert(0, str(tmp_path / "src"))
    yield name, tmp_path / "migrations"
    sys.path.remove(str(tmp_path / "src"))


async def fetch(url: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def test_the_chassis_set_runs_first_and_then_the_services(url: str) -> None:
    await migrate(url, "stub_svc")

    notes = await fetch(url, "SELECT set, name FROM schema_migrations ORDER BY applied_at, version")
    sets = [note["set"] for note in notes]
    assert sets == sorted(sets)
    assert [note["name"] for note in notes if note["set"] == "stub_svc"] == ["0001_things.sql", "0002_seen_index.sql"]


async def test_three_runners_at_once_on_an_empty_database_all_succeed(url: str) -> None:
    runners = await asyncio.gather(*(process("migrate.py", url, waits_for_line=False) for _ in range(3)))

    assert [await asyncio.wait_for(runner.wait(), 60) for runner in runners] == [0, 0, 0]
    names = [note["name"] for note in await fetch(url, "SELECT name FROM schema_migrations ORDER BY set, version")]
    chassis = sorted(file.name for file in (Path(migrations.__file__).parent / "schema").iterdir())
    assert names == [*chassis, "0001_things.sql", "0002_seen_index.sql"]


async def test_a_second_run_does_nothing(url: str) -> None:
    await migrate(url, "stub_svc")
    before = await fetch(url, "SELECT * FROM schema_migrations")
    await migrate(url, "stub_svc")

    assert await fetch(url, "SELECT * FROM schema_migrations") == before


async def test_a_file_edited_after_it_ran_is_refused(url: str, copied) -> None:
    service, directory = copied
    await migrate(url, service)
    (directory / "0001_things.sql").write_text("CREATE TABLE other ()")

    with pytest.raises(MigrationRefused, match=r"0001_things\.sql was changed"):
        await migrate(url, service)


async def test_a_new_file_below_one_that_ran_is_refused(url: str, copied) -> None:
    service, directory = copied
    (directory / "0001_things.sql").rename(directory / "0003_things.sql")
    (directory / "0002_seen_index.sql").unlink()
    await migrate(url, service)
    (directory / "0002_late.sql").write_text("SELECT 1")

    with pytest.raises(MigrationRefused, match=r"0002_late\.sql is numbered below 0003"):
        await migrate(url, service)


async def test_an_older_release_leaves_what_it_does_not_know(url: str, copied) -> None:
    service, directory = copied
    await migrate(url, service)
    (directory / "0002_seen_index.sql").unlink()

    await migrate(url, service)

    assert await fetch(url, "SELECT FROM pg_indexes WHERE indexname = 'things_by_seen'")


async def test_a_file_that_fails_half_way_leaves_nothing_of_itself(url: str, copied) -> None:
    service, directory = copied
    (directory / "0003_broken.sql").write_text("CREATE TABLE half (); SELECT nonsense")

    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(url, service)

    assert not await fetch(url, "SELECT FROM pg_tables WHERE tablename = 'half'")
    assert len(await fetch(url, "SELECT FROM schema_migrations WHERE version = 3 AND set <> 'chassis'")) == 0


async def test_an_index_whose_building_was_cut_off_is_built_anew(url: str, copied) -> None:
    service, directory = copied
    index = directory / "0002_seen_index.sql"
    index.rename(directory / "aside")
    await migrate(url, service)
    (directory / "aside").rename(index)
    await fetch(url, "INSERT INTO things (id) VALUES ('a'), ('b')")
    with pytest.raises(asyncpg.UniqueViolationError):  # which, like a killed build, leaves an invalid index behind
        await fetch(url, "CREATE UNIQUE INDEX CONCURRENTLY things_by_seen ON things (seen)")
    await fetch(url, "CREATE TABLE others AS SELECT 1 AS n UNION ALL SELECT 1")
    with pytest.raises(asyncpg.UniqueViolationError):
        await fetch(url, "CREATE UNIQUE INDEX CONCURRENTLY somebody_elses ON others (n)")

    await migrate(url, service)

    invalid = await fetch(url, "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    assert [row[0] for row in invalid] == ["somebody_elses"]
    assert await fetch(url, "SELECT FROM pg_indexes WHERE indexname = 'things_by_seen'")


async def test_a_migration_gives_way_to_traffic_that_holds_the_table(url: str, copied) -> None:
    service, directory = copied
    await migrate(url, service)
    (directory / "0003_wider.sql").write_text("ALTER TABLE things ADD COLUMN wider int")
    busy = await asyncpg.connect(url)
    try:
        async with busy.transaction():
            await busy.execute("LOCK TABLE things IN ACCESS SHARE MODE")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await migrate(url, service)
    finally:
        await busy.close()
    await migrate(url, service)


async def test_a_badly_named_file_is_refused(url: str, copied) -> None:
    service, directory = copied
    (directory / "3-wider.sql").write_text("SELECT 1")

    with pytest.raises(MigrationRefused, match="not named"):
        await migrate(url, service)


def test_the_folder_is_found_beside_src_and_a_package_without_one_is_refused() -> None:
    assert directory_of("stub_svc") == SERVICE / "migrations"
    with pytest.raises(MigrationRefused):
        directory_of("relink_contracts")
