"""Two services made for benchmarks, of the chassis alone: one takes a command and says so, the other reacts to that.

`python -m bench.pair api DATABASE TOPIC PEERS PORT | relay DATABASE KAFKA | worker DATABASE KAFKA TOPIC`

Each is a process of its own, as with every service, and says a line once it can be used. A command is
`POST /things/{number}`: one row, one event. The reaction is one row, once per event.
"""

import asyncio
import json
import sys
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Final

import uvloop
from fastapi import APIRouter, Depends

from chassis import inbox, observe, outbox
from chassis.clock import SystemClock
from chassis.consume import Consumer, reacts
from chassis.database import Database, Tx
from chassis.http import allow, create_app
from chassis.relay import Relay
from chassis.run import serve
from chassis.service_tokens import Caller, Gate
from relink_contracts.envelope import Outgoing, Received, speaker
from relink_contracts.events import ItemPublished
from relink_contracts.testing import a

SERVICE: Final = "bench-svc"
CLOCK: Final = SystemClock()
_ADD: Final = "INSERT INTO things (id, number) VALUES ($1, $2)"
_say: Final = speaker(SERVICE)


def on(topic: str) -> type[ItemPublished]:
    """The event class, on that topic."""
    return type("ItemPublished", (ItemPublished,), {"TOPIC": topic, "__module__": __name__})


def thing_added(event: type[ItemPublished], number: int) -> Outgoing:
    """What is said of the command with this number: some 700 bytes with a key of its own."""
    return _say(a(event, item_id=f"itm_{number:032x}", attempt=1), at=CLOCK.now())


def number_of(item_id: str) -> int:
    return int(item_id.removeprefix("itm_"), 16)


async def add(tx: Tx, event: type[ItemPublished], number: int) -> None:
    """The command's transaction."""
    await tx.execute(_ADD, f"thing_{number}", number)
    await outbox.add(tx, thing_added(event, number))


async def api(database_url: str, topic: str, peers: str, port: str) -> None:
    database, gate, event = await Database.connect(database_url), Gate(SERVICE, json.loads(peers)), on(topic)
    router = APIRouter()

    @router.post("/things/{number}", status_code=201)
    async def add_thing(number: int, _caller: Annotated[Caller, Depends(allow(gate))]) -> None:
        async with database.transaction() as tx:
            await add(tx, event, number)

    checks = {"database": database.ping}
    app = create_app(SERVICE, version="bench", health=checks, routers=[router], gate=gate, database=database)

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", int(port))
        except ConnectionRefusedError:
            return False
        writer.close()
        return True

    await serve(_say_once(listens), http=(app, "127.0.0.1", int(port)))


async def relay(database_url: str, kafka: str) -> None:
    async def at_once() -> bool:
        return True

    await serve(Relay(database_url, kafka), _say_once(at_once))


async def worker(database_url: str, kafka: str, topic: str) -> None:
    database = await Database.connect(database_url)

    async def on_added(received: Received[ItemPublished], tx: Tx) -> None:
        assert received.data is not None
        await tx.execute(_ADD, received.data.item_id, number_of(received.data.item_id))

    handlers = [reacts(on(topic), on_added)]
    consumer = Consumer(f"bench-{uuid.uuid4().hex}", database, kafka, handlers, CLOCK, version="bench")

    await serve(consumer, inbox.upkeep(database), _say_once(consumer.is_ready))


ROLES: Final[dict[str, Callable[..., Coroutine[None, None, None]]]] = {"api": api, "relay": relay, "worker": worker}


async def _say_once(is_ready: Callable[[], Awaitable[bool]]) -> None:
    while not await is_ready():  # noqa: ASYNC110 - nobody would tell
        await asyncio.sleep(0.05)
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    observe.configure_logging(SERVICE, "warning")
    role, *arguments = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ROLES[role](*arguments))
