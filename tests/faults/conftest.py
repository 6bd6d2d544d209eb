"""One cell a file. `--seeds N` runs seeds 1 to N of each, `--seed N` that one, `--keep-results` writes the table."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from faultlib import grants, record, servers
from faultlib.ground import Ground, lay, make_template, take_up
from faultlib.servers import Servers

from simulator.testing import served

RESULTS = pytest.StashKey[dict[str, list[dict[str, Any]]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=1, help="fault cells: run seeds 1 to N")
    parser.addoption("--seed", type=int, help="fault cells: run this seed alone")
    parser.addoption("--keep-results", action="store_true", help="fault cells: write results/ and the table anew")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = defaultdict(list)
    config.addinivalue_line("markers", "quick: a cell of at most 20 s a seed, which CI runs")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        one, many = metafunc.config.getoption("--seed"), metafunc.config.getoption("--seeds")
        metafunc.parametrize("seed", [one] if one else range(1, many + 1), ids=lambda seed: f"seed={seed}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in record.table(config.stash[RESULTS]) if config.stash[RESULTS] else ():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def fault_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    directory = tmp_path_factory.mktemp("servers")
    started = servers.start(directory)
    asyncio.run(make_template(started))
    yield started
    servers.stop(started, directory)


@pytest.fixture
async def ground(
    fault_servers: Servers, seed: int, tmp_path: Path, keep: Callable[[dict[str, Any]], None]
) -> AsyncIterator[Ground]:
    """This seed's ground. What `Ground.verdict` found is kept afterwards, good or bad."""
    laid = await lay(fault_servers, seed, tmp_path)
    yield laid
    await take_up(laid)
    if laid.result is not None:
        keep(laid.result)


@pytest.fixture(scope="session")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[grants.Practised]:
    """The practice providers, with no limits to speak of."""
    folder = tmp_path_factory.mktemp("practice")
    with served(folder, limits_factor=1_000) as running:
        yield grants.Practised(running, folder / "state.sqlite")


@pytest.fixture
async def granted(
    fault_servers: Servers, practice: grants.Practised, seed: int, tmp_path: Path
) -> AsyncIterator[grants.Granted]:
    """connection-svc's database of this seed, and its actors."""
    laid = await grants.lay(fault_servers, practice, seed, tmp_path)
    yield laid
    await grants.take_up(laid)


@pytest.fixture
def keep(seed: int, request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], None]:
    """Takes this seed's line of the table: events, lost, repeated_effects, order_violations, duplicates, ..."""
    cell = request.path.stem.removeprefix("test_").replace("_", "-")

    def keep_line(result: dict[str, Any]) -> None:
        request.config.stash[RESULTS][cell].append(result)
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.items())
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            request.config.get_terminal_writer().line(f"\n{cell}, seed {seed}: {told}")
        if request.config.getoption("--keep-results"):
            if seed == 1:
                record.forget(cell)
            record.write(cell, request.module.__doc__.strip().splitlines()[0], seed, result)

    return keep_line
