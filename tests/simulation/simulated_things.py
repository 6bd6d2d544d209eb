"""What is said in these tests, the same each time, and how a bug is planted."""

import inspect
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any, ClassVar
from uuid import UUID

import pytest

from chassis.outbox import shard_of
from relink_contracts.envelope import Actor, EventData, Outgoing, speaker

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
_ACTOR = Actor(type="system", id="test")
_say = speaker("stub-svc")


class ThingHappened(EventData):
    TYPE: ClassVar[str] = "relink.thing.happened.v1"
    TOPIC: ClassVar[str] = "testing.thing.events.v1"
    AGGREGATE: ClassVar[str] = "thing"

    thing_id: str

    def subject(self) -> str:
        return self.thing_id


class ThingState(ThingHappened):
    TYPE: ClassVar[str] = "relink.thing.state.v1"
    TOPIC: ClassVar[str] = "testing.thing.state.v1"


def _another(than: str, *, same_shard: bool) -> str:
    names = (f"thg_{number}" for number in count(1))
    return next(name for name in names if (shard_of(name.encode()) == shard_of(than.encode())) is same_shard)


# Two that share a shard, and one of another.
THINGS = ("thg_0", _another("thg_0", same_shard=True), _another("thg_0", same_shard=False))


def said(event: type[ThingHappened], thing: str, number: int) -> Outgoing:
    """The event number `number` of this run, whosever it is."""
    event_id = UUID(f"01935000-0000-7000-8000-{number:012x}")
    return _say(event(business_id="biz_1", actor=_ACTOR, thing_id=thing), at=NOON, id=event_id)


def plant(patch: pytest.MonkeyPatch, owner: Any, function: str, good: str, bad: str) -> None:
    """Put `bad` in the place of `good` in the source of a function of the product, until `patch` is undone."""
    original: Callable[..., Any] = getattr(owner, function)
    source = textwrap.dedent(inspect.getsource(original))
    assert source.count(good) == 1, f"{function} has changed: {good!r} is not in it, or twice; plant this bug anew"
    names: dict[str, Any] = {}
    exec(compile(source.replace(good, bad), inspect.getfile(original), "exec"), original.__globals__, names)
    patch.setattr(owner, function, names[function])
