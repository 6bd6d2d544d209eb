"""Settings that could not protect anything, or with which no login could work, stop the service before it starts."""

import base64

import pytest
from pydantic import ValidationError

from connection_svc.settings import KeyRing, Settings

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


def mistakes_in(web_url: str, *, public_url: str) -> dict[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as caught:
        Settings(http={"host": "127.0.0.1", "port": 8081, "public_url": public_url}, web_url=web_url)
    return {error["loc"]: error["msg"] for error in caught.value.errors()}


def test_pages_on_another_host_are_refused_because_their_cookie_would_not_arrive() -> None:
    mistakes = mistakes_in("https://relink.example", public_url="https://connect.relink.example")

    assert mistakes["web_url",].startswith("Value error, is on another host than HTTP__PUBLIC_URL")


def test_an_operator_can_only_pause_a_provider_that_there_is() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(paused_providers={"xero", "abacus"})

    mistakes = {error["loc"]: error["msg"] for error in caught.value.errors()}
    assert mistakes["paused_providers",] == "Value error, names abacus, which is no provider"


@pytest.mark.parametrize("web_url", ["http://localhost:8080", "http://localhost", "http://LOCALHOST:8080/"])
def test_ports_share_their_cookies(web_url: str) -> None:
    assert ("web_url",) not in mistakes_in(web_url, public_url="http://localhost:8081")
