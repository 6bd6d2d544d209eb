"""A key ring that could not protect anything stops the service before it starts."""

import base64

import pytest
from connection_svc.settings import KeyRing
from pydantic import ValidationError

GOOD = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("keys", "current", "where", "sentence"),
    [
        ({"k1": base64.b64encode(bytes(16)).decode()}, "k1", ("keys", "k1"), "has 16 bytes, not 32"),
        ({"k1": "not base64!"}, "k1", ("keys", "k1"), "is not base64"),
        ({"k1": GOOD}, "k2", ("current",), "names key k2, which is not in the ring"),
    ],
)
def test_a_bad_ring_is_refused_where_the_mistake_is(
    keys: dict[str, str], current: str, where: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        KeyRing(keys=keys, current=current)

    (error,) = caught.value.errors()
    assert (error["loc"], error["msg"]) == (where, f"Value error, {sentence}")


def test_a_good_ring_opens() -> None:
    assert KeyRing(keys={"k1": GOOD}, current="k1").key_bytes() == {"k1": bytes(32)}
