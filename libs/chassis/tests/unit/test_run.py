import asyncio
import http.client
import signal
import socket
import time
import urllib.request
from datetime import timedelta

import asyncpg
import pytest
from build_chassis import eventually, process
from prometheus_client import REGISTRY

from chassis.run import Loop


@pytest.fixture
def port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_ends_with_0(port: str, number: int) -> None:
    running = await process("served.py", "well", port)
    await eventually(lambda: answers(port))
    begun = time.monotonic()
    running.send_signal(number)

    assert await asyncio.wait_for(running.wait(), 10) == 0
    assert time.monotonic() - begun < 4
    assert (await running.stdout.read()).endswith(b"ended\n")


def answers(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


async def test_an_idle_connection_is_kept_for_longer_than_clients_keep_theirs(port: str) -> None:
    await process("served.py", "well", port)
    await eventually(lambda: answers(port))
    client = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)

    def asked() -> int:
        client.request("GET", "/health/live")
        answer = client.getresponse()
        answer.read()
        return answer.status

    assert await asyncio.to_thread(asked) == 200
    await asyncio.sleep(6)  # httpx2 gives an idle connection up after five
    assert await asyncio.to_thread(asked) == 200
    client.close()


async def test_a_job_that_hears_nothing_is_cut_off_when_the_drain_is_over(port: str) -> None:
    running = await process("served.py", "deaf", port)
    begun = time.monotonic()
    running.send_signal(signal.SIGTERM)

    assert await asyncio.wait_for(running.wait(), 10) == 0
    assert 1.5 < time.monotonic() - begun < 6


async def test_a_job_that_crashes_ends_the_process_with_1(port: str) -> None:
    running = await process("served.py", "crash", port)

    assert await asyncio.wait_for(running.wait(), 10) == 1


async def test_a_busy_port_ends_the_process(port: str) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", int(port)))
        busy.listen()
        running = await process("served.py", "well", port, waits_for_line=False)

        assert await asyncio.wait_for(running.wait(), 10) != 0


async def run_until(loop: Loop, enough: asyncio.Event) -> None:
    stopping = asyncio.Event()
    task = asyncio.create_task(loop.run(stopping))
    await asyncio.wait_for(enough.wait(), 10)
    stopping.set()
    await asyncio.wait_for(task, 5)


async def test_a_loop_goes_on_at_once_while_there_is_work_and_then_waits() -> None:
    work, enough = [True, True, True, False], asyncio.Event()

    async def step() -> bool:
        more = work.pop(0)
        if not work:
            enough.set()
        return more

    await run_until(Loop("test-work", step, every=timedelta(hours=1)), enough)

    assert work == []
    assert REGISTRY.get_sample_value("loop_steps_total", {"loop": "test-work", "outcome": "worked"}) == 3


@pytest.mark.parametrize(
    ("error", "outcome"), [(asyncpg.CannotConnectNowError("starting up"), "waiting"), (KeyError(), "failed")]
)
async def test_a_loop_outlives_a_step_that_fails_and_pauses_before_the_next(error: Exception, outcome: str) -> None:
    moments, enough = [], asyncio.Event()

    async def step() -> bool:
        moments.append(time.monotonic())
        if len(moments) == 1:
            raise error
        enough.set()
        return False

    name = f"test-{outcome}"
    await run_until(Loop(name, step, every=timedelta(hours=1)), enough)

    assert moments[1] - moments[0] >= 0.9
    assert REGISTRY.get_sample_value("loop_steps_total", {"loop": name, "outcome": outcome}) == 1
