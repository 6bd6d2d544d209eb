"""Records that are no event go to the dead letters, bytes and headers unchanged, and their partition moves on.

Six kinds of them lie in a random mix between good events, and two kinds that are well-formed and nobody's to handle:
those are passed over and counted.
"""

import random
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from faultlib import raw
from faultlib.checker import POISON
from faultlib.ground import Ground, eventually
from faultlib.raw import Raw

from devstack.ports import free_port

pytestmark = pytest.mark.quick


def without(name: str) -> Callable[[Raw], Raw]:
    return lambda good: replace(good, headers=tuple(header for header in good.headers if header[0] != name))


def with_header(name: str, value: bytes) -> Callable[[Raw], Raw]:
    return lambda good: replace(without(name)(good), headers=(*without(name)(good).headers, (name, value)))


def with_value(value: bytes) -> Callable[[Raw], Raw]:
    return lambda good: replace(good, value=value)


# What each code is given for, in one way or another.
POISONS = {
    "not_json": [with_value(b"{nonsense"), with_value(b"\x00\xff\xfe"), with_value(b"")],
    "no_envelope": [without("ce_type"), without("ce_source"), with_header("ce_time", b"yesterday")],
    "data_invalid": [with_value(b'{"quite": "different"}'), with_value(b'{"account": 7}'), with_value(b"[]")],
    "too_large": [with_value(b'{"account": "acc_0", "padding": "' + b"x" * 1_010_000 + b'"}')],
    "no_key": [lambda good: replace(good, key=None)],
    "no_id": [with_header("ce_id", b"17"), without("ce_id")],
}
PASSED_OVER = [
    with_header("ce_type", b"relink.entry.vanished.v1"),
    with_header("ce_type", b"relink.entry.posted.v2"),
]


async def test_poison_is_put_aside_as_it_is_and_every_good_event_takes_effect(ground: Ground, seed: int) -> None:
    plan = random.Random(seed)
    await ground.start("relay")
    consumer = await ground.start("consumer", port=free_port())
    producer = await ground.start("producer", rate=plan.choice([20, 40]))
    await eventually(lambda: consumer.did("handled") > 0)
    good = (await raw.read(ground.kafka, ground.topic))[0]

    codes = [code for code in POISONS for _ in range(plan.randint(1, 5))]
    spoilt = {f"{number}": (code, plan.choice(POISONS[code])(good)) for number, code in enumerate(codes)}
    passed = {f"passed {number}": ("", plan.choice(PASSED_OVER)(good)) for number in range(plan.randint(1, 5))}
    mixed = list((spoilt | passed).items())
    plan.shuffle(mixed)
    for number, (_, record) in mixed:
        marked = replace(record, headers=(*record.headers, (POISON, number.encode())))
        await raw.put(ground.kafka, ground.topic, plan.randrange(6), marked)
    recovery = await ground.recovered(time.monotonic())
    await producer.stop()
    await ground.drained()

    async def all_put_aside() -> bool:
        return len(await raw.read(ground.kafka, ground.dead_letters)) >= len(spoilt)

    await eventually(all_put_aside)
    assert await consumer.metric('events_total{outcome="unknown_type"}') == len(passed)
    assert await consumer.is_ready()
    letters = await raw.read(ground.kafka, ground.dead_letters)
    assert sorted(letter.header(POISON) for letter in letters) == sorted(spoilt)
    for letter in letters:
        code, record = spoilt[letter.header(POISON)]
        kept = letter.headers[: len(record.headers)]
        assert (letter.key, letter.value, kept) == (record.key, record.value, record.headers)
        assert letter.header("dlq-error-code") == code
        assert (letter.header("dlq-origin-topic"), letter.header("dlq-consumer")) == (ground.topic, ground.service)
    await ground.stop_all()
    await ground.verdict(recovery_seconds=recovery)
