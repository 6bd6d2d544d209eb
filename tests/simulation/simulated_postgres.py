"""PostgreSQL as far as the chassis' statements need it: read committed, row locks, advisory locks, NOTIFY.

A stand-in and not the real thing, because the machines answer tens of thousands of statements, roll thousands of
sessions back in the middle and must see the same every time: a real server is many times slower and lets go of a dead
session's locks whenever it comes to it. What each statement means is written down below by the constant that holds its
text. `test_stand_ins.py` runs the same statements, with the same interleavings, here and on a real server.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import asyncpg

from chassis import inbox, outbox, relay

if TYPE_CHECKING:
    from simulated_world import World

# Statements of the handlers in these tests.
TABLES = """CREATE TABLE effects (thing text, number bigint, event_id uuid);
    CREATE TABLE known (thing text PRIMARY KEY)"""
EFFECT = "INSERT INTO effects (thing, number, event_id) VALUES ($1, $2, $3)"
LEARN = "INSERT INTO known (thing) VALUES ($1) ON CONFLICT DO NOTHING"
IS_KNOWN = "SELECT 1 FROM known WHERE thing = $1"


class Record(dict[str, Any]):
    """By name like a mapping, by iteration like a tuple, as asyncpg's."""

    def __iter__(self) -> Any:
        return iter(self.values())


Effect: TypeAlias = tuple[str, int, UUID]
"""What a handler writes: the entity, its event's number, and the event."""


@dataclass(frozen=True)
class Committed:
    """A transaction of this process; `effects` is what handlers wrote in it."""

    process: str
    effects: list[Effect]


@dataclass(eq=False)
class Transaction:
    """What it did that nobody else sees yet."""

    number: int | None = None
    """Its xid; it has none before it writes."""
    is_open: bool = True
    has_failed: bool = False
    waits_for: "Transaction | None" = None
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    inserted: dict[int, dict[str, Any]] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    handled: set[tuple[str, str, UUID]] = field(default_factory=set)
    effects: list[Effect] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    notifies: set[str] = field(default_factory=set)


class Blocked(Exception):
    """The statement waits for a lock."""

    def __init__(self, by: Transaction) -> None:
        self.by = by
        super().__init__("waits for a lock")


Meaning = Callable[..., tuple[list[Record], str]]


class Postgres:
    """One database. What is committed stands in its public attributes."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.is_away = False
        self.outbox: dict[int, dict[str, Any]] = {}
        self.numbers: dict[tuple[str, str], int] = {}
        self.handled: set[tuple[str, str, UUID]] = set()
        self.known: set[str] = set()
        self._last_id = self._last_transaction = self._last_ended = 0
        self._running: set[int] = set()
        self._locks: dict[tuple[Any, ...], Transaction] = {}
        self._connections: list[Connection] = []
        self._meanings: Mapping[str, Meaning] = {
            outbox._NUMBER: self._number,
            outbox._INSERT: self._insert,
            relay._FIND: self._find,
            relay._LOCK: self._try_locks,
            relay._NEXT: self._next,
            relay._DELETE: self._delete,
            inbox._FIRST: self._first,
            EFFECT: self._effect,
            LEARN: self._learn,
            IS_KNOWN: self._is_known,
        }

    # Sessions

    async def connect(self, url: str, **_settings: Any) -> "Connection":
        """In place of asyncpg.connect: `url` is the name of the process."""
        connected: Connection = await self._world.ask(url, "connects", functools.partial(self.new_session, url))
        return connected

    def pool(self, process: str) -> "Pool":
        return Pool(self, process)

    def new_session(self, process: str) -> "Connection":
        if not self._world.is_alive(process):
            raise asyncio.CancelledError
        if self.is_away:
            raise ConnectionRefusedError("the database is away")
        connection = Connection(self._world, self, process)
        self._connections.append(connection)
        return connection

    def sessions(self, process: str) -> list["Connection"]:
        return [connection for connection in self._connections if connection.process == process]

    def hang_up(self, connections: "Collection[Connection]") -> None:
        """These sessions end: what they did is rolled back, what they asked for is not answered."""
        for connection in connections:
            self.end(connection)
            for asked in [each for each in self._world.open if each.over is connection]:
                self._world.take_effect(asked, _lost)
        self._world.loop.run_until_idle()

    def goes_away(self) -> None:
        self.is_away = True
        self.hang_up(list(self._connections))

    def comes_back(self) -> None:
        self.is_away = False

    def end(self, connection: "Connection") -> None:
        if not connection.is_ended:
            connection.is_ended = True
            self._connections.remove(connection)
            self.rollback(connection)

    def locks_shard(self, process: str, shard: int) -> bool:
        """Whether a session of this process has the relay's lock."""
        owner = self._locks.get(("advisory", relay._LOCK_CLASS, shard))
        return any(connection.transaction_open is owner is not None for connection in self.sessions(process))

    # Transactions

    def begin(self, connection: "Connection") -> None:
        assert connection.transaction_open is None, "this stand-in knows no savepoints"
        connection.transaction_open = Transaction()

    def commit(self, connection: "Connection") -> None:
        tx, connection.transaction_open = connection.transaction_open, None
        assert tx is not None
        self._commit(tx)
        if not tx.has_failed:
            self._world.happened.append(Committed(connection.process, tx.effects))

    def rollback(self, connection: "Connection") -> None:
        tx, connection.transaction_open = connection.transaction_open, None
        if tx is not None:
            self._release(tx)

    def _commit(self, tx: Transaction) -> None:
        if not tx.has_failed:
            self.numbers |= tx.numbers
            self.outbox |= tx.inserted
            for row in tx.deleted:
                self.outbox.pop(row, None)
            self.handled |= tx.handled
            self.known |= tx.known
            for channel in sorted(tx.notifies):
                for connection in self._connections:
                    connection.hear(channel)
        self._release(tx)

    def _release(self, tx: Transaction) -> None:
        tx.is_open = False
        if tx.number is not None:
            self._running.remove(tx.number)
            # A snapshot's xmax is one past the last that *ended*: one with a higher number may be running by then.
            self._last_ended = max(self._last_ended, tx.number)
        self._locks = {key: owner for key, owner in self._locks.items() if owner is not tx}

    # Statements

    def run(self, connection: "Connection", statement: str, arguments: Sequence[Any]) -> tuple[list[Record], str]:
        """Raises Blocked while another transaction holds what it needs: to be called again once that has ended."""
        tx = connection.transaction_open
        if tx is None:
            tx = Transaction()
            try:
                result = self._meaning(statement)(tx, *arguments)
            except BaseException:
                self._release(tx)
                raise
            self._commit(tx)
            return result
        if tx.has_failed:
            raise asyncpg.InFailedSQLTransactionError("current transaction is aborted")
        tx.waits_for = None
        try:
            return self._meaning(statement)(tx, *arguments)
        except Blocked as blocked:
            tx.waits_for = blocked.by
            other: Transaction | None = blocked.by
            while other is not None and other is not tx:
                other = other.waits_for
            if other is None:
                raise
            tx.waits_for, tx.has_failed = None, True
            raise asyncpg.DeadlockDetectedError("deadlock detected") from None
        except asyncpg.PostgresError:
            tx.has_failed = True
            raise

    def _meaning(self, statement: str) -> Meaning:
        if statement not in self._meanings:
            raise AssertionError(
                f"say in simulated_postgres.py, and test in test_stand_ins.py, what this is: {statement}"
            )
        return self._meanings[statement]

    def _lock(self, tx: Transaction, *key: Any) -> None:
        """Whoever locks a row or a key is about to write."""
        if tx.number is None:
            self._last_transaction += 1
            tx.number = self._last_transaction
            self._running.add(tx.number)
        owner = self._locks.setdefault(key, tx)
        if owner is not tx:
            raise Blocked(owner)

    def _number(self, tx: Transaction, kinds: Any, ids: Any, times: Any) -> tuple[list[Record], str]:
        said = sorted(zip(kinds, ids, times, strict=True))
        for kind, entity, _ in said:
            self._lock(tx, "number", kind, entity)
        for kind, entity, more in said:
            tx.numbers[kind, entity] = tx.numbers.get((kind, entity), self.numbers.get((kind, entity), 0)) + more
        found = [(kind, entity, tx.numbers[kind, entity]) for kind, entity, _ in said]
        return [Record(zip(("aggregatetype", "aggregateid", "last"), row, strict=True)) for row in found], "INSERT"

    def _insert(self, tx: Transaction, *values: Any) -> tuple[list[Record], str]:
        *columns, channel = values
        rows = list(zip(*columns, strict=True))
        for _, kind, entity, number, *_ in rows:
            self._lock(tx, "said", kind, entity, number)
        names = ("event_id", "aggregatetype", "aggregateid", "aggregate_seq", "type", "topic", "shard", "payload")
        for *first, headers in rows:
            row = dict(zip(names, first, strict=True)) | {"headers": headers}
            what = [row[name] for name in names[1:4]]
            if any([other[name] for name in names[1:4]] == what for other in self._visible(tx).values()):
                raise asyncpg.UniqueViolationError("duplicate key value violates unique constraint")
            self._last_id += 1
            tx.inserted[self._last_id] = row | {"id": self._last_id, "created_at": self._world.loop.time()}
        tx.notifies.add(channel)
        return [Record(pg_notify="")], "SELECT 1"

    def _find(self, tx: Transaction, shards: int, floor: int) -> tuple[list[Record], str]:
        firsts: dict[int, dict[str, Any]] = {}
        for number, row in sorted(self._visible(tx).items()):
            if number >= floor:
                firsts.setdefault(row["shard"], row)
        now, running = self._world.loop.time(), min([*self._running, self._last_ended + 1])
        return [
            Record(shard=shard, id=row["id"], age=now - row["created_at"], oldest_running=running)
            for shard, row in sorted(firsts.items())
            if shard < shards
        ], "SELECT"

    def _try_locks(self, tx: Transaction, group: int, numbers: Sequence[int]) -> tuple[list[Record], str]:
        got = [number for number in numbers if self._locks.setdefault(("advisory", group, number), tx) is tx]
        return [Record(s=number) for number in got], f"SELECT {len(got)}"

    def _next(self, tx: Transaction, shards: Sequence[int], floor: int, most: int) -> tuple[list[Record], str]:
        waiting = [row for number, row in sorted(self._visible(tx).items()) if number >= floor]
        rows = [row for shard in shards for row in [row for row in waiting if row["shard"] == shard][:most]]
        names = ("id", "topic", "payload", "headers")
        found = [Record((name, row[name]) for name in names) for row in sorted(rows, key=itemgetter("id"))]
        return found, f"SELECT {len(rows)}"

    def _delete(self, tx: Transaction, ids: Iterable[int]) -> tuple[list[Record], str]:
        found = sorted(self._visible(tx).keys() & set(ids))
        for row in found:
            self._lock(tx, "row", row)
        tx.deleted |= set(found)
        return [Record(xid=tx.number) for _ in found], f"DELETE {len(found)}"

    def _first(self, tx: Transaction, *event: Any) -> tuple[list[Record], str]:
        if event in self.handled | tx.handled:
            return [], "INSERT 0 0"
        self._lock(tx, "handled", *event)
        tx.handled.add(event)  # type: ignore[arg-type]
        return [], "INSERT 0 1"

    def _effect(self, tx: Transaction, *effect: Any) -> tuple[list[Record], str]:
        tx.effects.append(effect)  # type: ignore[arg-type]
        return [], "INSERT 0 1"

    def _learn(self, tx: Transaction, thing: str) -> tuple[list[Record], str]:
        if thing in self.known | tx.known:
            return [], "INSERT 0 0"
        self._lock(tx, "known", thing)
        tx.known.add(thing)
        return [], "INSERT 0 1"

    def _is_known(self, tx: Transaction, thing: str) -> tuple[list[Record], str]:
        return [Record(known=1)] if thing in self.known | tx.known else [], "SELECT"

    def _visible(self, tx: Transaction) -> dict[int, dict[str, Any]]:
        return {number: row for number, row in (self.outbox | tx.inserted).items() if number not in tx.deleted}


def _lost() -> Any:
    raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


_NAMES = {
    outbox._NUMBER: "takes numbers",
    outbox._INSERT: "adds rows",
    relay._FIND: "looks for shards",
    relay._LOCK: "tries the locks",
    relay._NEXT: "reads rows",
    relay._DELETE: "deletes rows",
    inbox._FIRST: "notes the event",
    EFFECT: "writes its effect",
}


class Connection:
    """asyncpg's, as far as the chassis uses it."""

    def __init__(self, world: "World", postgres: Postgres, process: str) -> None:
        self._world, self._postgres, self.process = world, postgres, process
        self.is_ended = False
        self.transaction_open: Transaction | None = None
        self._listeners: dict[str, Callable[..., None]] = {}

    async def execute(self, statement: str, *arguments: Any) -> str:
        return (await self._run(statement, arguments))[1]

    async def fetch(self, statement: str, *arguments: Any) -> list[Record]:
        return (await self._run(statement, arguments))[0]

    async def fetchrow(self, statement: str, *arguments: Any) -> Record | None:
        return next(iter(await self.fetch(statement, *arguments)), None)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        return next(iter(await self.fetchrow(statement, *arguments) or [None]))

    def transaction(self) -> "Block":
        return Block(self._world, self._postgres, self)

    def beside(self) -> "Connection":
        """Another session of the same process, without a transaction: for the bugs that are planted."""
        return self._postgres.new_session(self.process)

    async def add_listener(self, channel: str, listener: Callable[..., None]) -> None:
        self._listeners[channel] = listener

    def hear(self, channel: str) -> None:
        if channel in self._listeners:
            self._world.loop.call_soon(self._listeners[channel], self, 0, channel, "")

    def terminate(self) -> None:
        self._postgres.end(self)

    def must_be_open(self) -> None:
        if self.is_ended:
            raise asyncpg.InterfaceError("connection is closed")

    async def _run(self, statement: str, arguments: Sequence[Any]) -> tuple[list[Record], str]:
        self.must_be_open()
        run = functools.partial(self._postgres.run, self, statement, arguments)
        answer: tuple[list[Record], str] = await self._world.ask(
            self.process, _NAMES.get(statement, statement), run, self
        )
        return answer


class Block:
    """asyncpg's transaction, as far as the chassis uses it. A rollback needs no answer."""

    def __init__(self, world: "World", postgres: Postgres, connection: Connection) -> None:
        self._world, self._postgres, self._connection = world, postgres, connection

    async def __aenter__(self) -> None:
        await self.start()

    async def __aexit__(self, kind: object, _error: object, _trace: object) -> None:
        await (self.commit() if kind is None else self.rollback())

    async def start(self) -> None:
        self._connection.must_be_open()
        self._postgres.begin(self._connection)

    async def commit(self) -> None:
        self._connection.must_be_open()
        commit = functools.partial(self._postgres.commit, self._connection)
        await self._world.ask(self._connection.process, "commits", commit, self._connection)

    async def rollback(self) -> None:
        self._postgres.rollback(self._connection)


class Pool:
    """asyncpg's, as far as `chassis.database.Database` uses it. A connection is had at once or refused."""

    def __init__(self, postgres: Postgres, process: str) -> None:
        self._postgres, self._process = postgres, process

    def get_max_size(self) -> int:
        return 10

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        connection = self._postgres.new_session(self._process)
        try:
            yield connection
        finally:
            self._postgres.end(connection)
