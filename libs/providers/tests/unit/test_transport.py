"""What a failed call means. The same for both providers, tried through Xero; what a real network does is not here."""

import gzip
import json
import time
from datetime import timedelta

import httpx2
import pytest
from build_providers import ACCESS, Endless, Practice, a_bill, an_invoice, invoices, ok, soon

from providers.errors import OutcomeUnknown, ProviderUnavailable, Refused, Throttled
from providers.http import LARGEST_ANSWER, send
from providers.models import ListName

NOT_SENT = [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("slow"), httpx2.PoolTimeout("busy")]
MAYBE_SENT = [
    httpx2.ReadTimeout("slow"),
    httpx2.WriteTimeout("slow"),
    httpx2.ReadError("reset"),
    httpx2.WriteError("reset"),
    httpx2.RemoteProtocolError("server disconnected without sending a response"),
]


@pytest.mark.parametrize("failure", NOT_SENT, ids=lambda failure: type(failure).__name__)
async def test_a_write_that_never_left_us_may_simply_be_sent_again(failure: Exception) -> None:
    with pytest.raises(ProviderUnavailable):
        await Practice(Invoices=failure).xero.create_bill(ACCESS, a_bill(), "key", soon())


@pytest.mark.parametrize("failure", MAYBE_SENT, ids=lambda failure: type(failure).__name__)
async def test_a_write_whose_answer_was_lost_is_in_doubt(failure: Exception) -> None:
    with pytest.raises(OutcomeUnknown):
        await Practice(Invoices=failure).xero.create_bill(ACCESS, a_bill(), "key", soon())


@pytest.mark.parametrize("failure", NOT_SENT + MAYBE_SENT, ids=lambda failure: type(failure).__name__)
async def test_a_read_without_an_answer_leaves_nothing_in_doubt(failure: Exception) -> None:
    with pytest.raises(ProviderUnavailable):
        await Practice(Organisation=failure).xero.read_list(ACCESS, ListName.ORGANISATION, None)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_a_server_error_after_a_write_is_a_doubt_and_after_a_read_is_not(status: int) -> None:
    broken = httpx2.Response(status, text="The organisation is offline")
    with pytest.raises(OutcomeUnknown):
        await Practice(Invoices=broken).xero.create_bill(ACCESS, a_bill(), "key", soon())
    with pytest.raises(ProviderUnavailable):
        await Practice(Organisation=broken).xero.read_list(ACCESS, ListName.ORGANISATION, None)


@pytest.mark.parametrize("body", [b'{"Invoices": [', b"<html>", b'{"Invoices": []}', b"[]", b'{"Invoices": [{}]}'])
async def test_an_accepted_write_with_an_unreadable_answer_is_in_doubt(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown, match="malformed"):
        await Practice(Invoices=httpx2.Response(200, content=body)).xero.create_bill(ACCESS, a_bill(), "key", soon())


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"Organisations": [{}]}', b'{"Organisations": null}'])
async def test_a_list_of_another_shape_than_promised_is_no_answer(body: bytes) -> None:
    practice = Practice(Organisation=httpx2.Response(200, content=body))
    with pytest.raises(ProviderUnavailable, match="malformed"):
        await practice.xero.read_list(ACCESS, ListName.ORGANISATION, None)


async def test_an_answer_of_a_hundred_megabytes_is_not_read_to_its_end() -> None:
    endless = Endless()
    practice = Practice(
        Organisation=httpx2.Response(200, content=endless), Invoices=httpx2.Response(200, content=Endless())
    )
    with pytest.raises(ProviderUnavailable, match="too_large"):
        await practice.xero.read_list(ACCESS, ListName.ORGANISATION, None)
    assert endless.sent <= LARGEST_ANSWER + 1_000_000
    with pytest.raises(OutcomeUnknown, match="too_large"):
        await practice.xero.create_bill(ACCESS, a_bill(), "key", soon())


async def test_an_answer_that_packs_a_hundred_megabytes_into_a_few_is_not_unpacked_to_its_end() -> None:
    packed = httpx2.Response(200, content=gzip.compress(b" " * 100_000_000), headers={"Content-Encoding": "gzip"})
    with pytest.raises(ProviderUnavailable, match="too_large"):
        await Practice(Organisation=packed).xero.read_list(ACCESS, ListName.ORGANISATION, None)


async def test_an_answer_that_trickles_for_ever_is_given_up() -> None:
    trickle = httpx2.MockTransport(lambda _: httpx2.Response(200, content=Endless(pause=0.05)))
    async with httpx2.AsyncClient(transport=trickle, timeout=0.1) as client:
        with pytest.raises(ProviderUnavailable, match="too slow"):
            await send(client, client.build_request("GET", "http://provider.test"), writes=False)


async def test_a_packed_answer_is_read_like_any_other() -> None:
    body = json.dumps({"Organisations": [{"Name": "Demo", "OrganisationID": "1", "BaseCurrency": "GBP"}]}).encode()
    packed = httpx2.Response(200, content=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    reading = await Practice(Organisation=packed).xero.read_list(ACCESS, ListName.ORGANISATION, None)
    assert [entry.name for entry in reading.entries] == ["Demo"]


async def test_a_redirect_is_not_followed_with_a_token_in_hand() -> None:
    practice = Practice(Organisation=httpx2.Response(302, headers={"Location": "http://elsewhere.test/"}))
    with pytest.raises(ProviderUnavailable, match="unexpected"):
        await practice.xero.read_list(ACCESS, ListName.ORGANISATION, None)
    assert len(practice.calls) == 1


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("17", 17),
        ("66975", 66975),
        ("", 60),
        ("soon", 60),
        ("-1", 60),
        ("9" * 40, 60),
        ("999999999", 86_400),
    ],
)
async def test_a_throttled_call_says_how_long_to_wait(said: str, waits: int) -> None:
    busy = httpx2.Response(429, text="slow down", headers={"Retry-After": said})
    with pytest.raises(Throttled) as limit:
        await Practice(Invoices=busy).xero.create_bill(ACCESS, a_bill(), "key", soon())
    assert limit.value.retry_after == timedelta(seconds=waits)


async def test_after_its_deadline_a_write_is_not_sent() -> None:
    practice = Practice(Invoices=invoices(an_invoice()))
    with pytest.raises(ProviderUnavailable, match="deadline_passed"):
        await practice.xero.create_bill(ACCESS, a_bill(), "key", time.monotonic())
    assert practice.calls == []


async def test_waiting_for_a_connection_ends_with_the_deadline_and_waiting_for_the_answer_does_not() -> None:
    practice = Practice(Invoices=invoices(an_invoice()))
    await practice.xero.create_bill(ACCESS, a_bill(), "key", time.monotonic() + 2)
    limits = practice.calls[0].extensions["timeout"]
    assert limits["connect"] <= 2
    assert limits["pool"] <= 2
    assert limits["read"] == 5


async def test_an_amount_that_json_would_round_is_refused_before_it_is_sent() -> None:
    practice = Practice(Invoices=ok({}))
    line = a_bill().lines[0]
    exact = type(line)(line.description, line.amount + 10**20, line.account_id)
    with pytest.raises(Refused, match="digits"):
        await practice.xero.create_bill(ACCESS, a_bill(lines=(exact,)), "key", soon())
    assert practice.calls == []
