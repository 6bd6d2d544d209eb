"""Whatever a provider answers, what comes of it is one of our errors or something whole, in bounded size and time.

The token endpoint and the one that names organisations decide whether a connection lives, so that they are tried at
every provider. That an answer is whole does not say that it is true.
"""

import asyncio
import copy
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from build_providers import BUSINESS, NOON, REALM, TENANT, Endless, Practice, a_grant, company, freeagent_rows, ok
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import OrganisationGone, ProviderError, ProviderUnavailable
from providers.http import MOST_PAGES
from providers.interface import Provider
from providers.models import Access, ListName, is_sendable, is_text

TOKENS = {
    "access_token": "a",
    "refresh_token": "r",
    "expires_in": 1800,
    "refresh_token_expires_in": 2_678_400,
    "x_refresh_token_expires_in": 8_726_400,
    "scope": "full_access accounting.invoices",
}
NAMING = {
    "xero": [{"id": "c-1", "tenantId": TENANT, "tenantType": "ORGANISATION", "tenantName": "Demo Trading Ltd"}],
    "quickbooks": {"CompanyInfo": {"CompanyName": "Demo Trading Ltd", "Country": "GB"}},
    "sage": {"$items": [{"id": BUSINESS, "displayed_as": "Demo Trading Ltd"}], "$next": None},
    "freeagent": {"company": {"id": 4100001, "name": "Demo Trading Ltd", "currency": "GBP"}},
}
EACH = pytest.mark.parametrize("name", list(NAMING))
STATUSES = st.sampled_from([200, 200, 200, 400, 401, 403, 404, 422])
FEW = settings(max_examples=60, deadline=None, database=None, derandomize=True)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["\0", "\ud800", ""])
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)


@st.composite
def spoiled(draw: st.DrawFn, right: Any) -> bytes:
    """The right answer with one value in it replaced, or left out; or something else altogether."""
    answer, steps = copy.deepcopy(right), []
    inner = answer
    while isinstance(inner, dict | list) and inner and draw(st.booleans()):
        steps.append(draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner)))))
        inner = inner[steps[-1]]
    if not steps:
        return draw(st.binary(max_size=20) | anything.map(lambda value: json.dumps(value).encode()))
    around = answer
    for step in steps[:-1]:
        around = around[step]
    if draw(st.booleans()):
        around[steps[-1]] = draw(anything)
    else:
        del around[steps[-1]]
    return json.dumps(answer).encode()


def provider_of(practice: Practice, name: str) -> Provider:
    return getattr(practice, name)


def answering(answer: Any) -> Practice:
    """Every endpoint of every provider that is asked here answers so; a list's next page is its last."""
    last = ok({"$items": [], "$next": None})
    return Practice(
        **dict.fromkeys(("connect", "tokens", "token", "token_endpoint", "connections", "company"), answer),
        businesses=[answer, last],
    )


async def refreshed(name: str, practice: Practice) -> Any:
    return await provider_of(practice, name).refresh("r", NOON)


async def named(name: str, practice: Practice) -> Any:
    return await provider_of(practice, name).organisations(a_grant(organisation_hint=REALM))


ENDPOINTS = pytest.mark.parametrize("ask", [refreshed, named])


@EACH
@FEW
@given(body=spoiled(TOKENS), status=STATUSES)
def test_a_token_answer_is_whole_or_no_answer_and_ends_no_connection(name: str, body: bytes, status: int) -> None:
    practice = answering(httpx2.Response(status, content=body))
    try:
        grant = asyncio.run(refreshed(name, practice))
    except ProviderUnavailable:
        return
    assert is_sendable(grant.access_token)
    assert is_sendable(grant.refresh_token)
    assert grant.access_expires_at > NOON
    assert grant.refresh_expires_at is None or grant.refresh_expires_at > NOON
    assert all(is_sendable(scope) for scope in grant.scopes)


@EACH
@FEW
@given(data=st.data(), status=STATUSES)
def test_organisations_are_named_whole_or_not_at_all(name: str, data: st.DataObject, status: int) -> None:
    practice = answering(httpx2.Response(status, content=data.draw(spoiled(NAMING[name]))))
    try:
        found = asyncio.run(named(name, practice))
    except OrganisationGone:
        pytest.fail("garbage proves nothing")
    except ProviderError:
        return
    for one in found:
        assert is_sendable(one.id)
        assert all(is_text(said) for said in (one.name, one.country, one.currency) if said is not None)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("xero", {}),
        ("xero", ""),
        ("xero", [{}]),
        ("xero", [{"error": "try later"}]),
        ("sage", {"$items": {}, "$next": None}),
        ("sage", {"$items": "", "$next": None}),
        ("sage", {"$items": [{}], "$next": None}),
        ("freeagent", {"company": {"id": None, "name": "Demo Trading Ltd"}}),
        ("freeagent", {"company": {"id": True, "name": "Demo Trading Ltd"}}),
        ("freeagent", {"company": {}}),
    ],
    ids=str,
)
async def test_an_answer_that_is_no_list_of_organisations_does_not_leave_ours_out(name: str, body: Any) -> None:
    with pytest.raises(ProviderUnavailable, match="malformed"):
        await named(name, answering(ok(body)))


@pytest.mark.parametrize("body", [{"company": {"id": None}}, {"company": {"id": "4100001"}}, {"company": []}, []])
async def test_a_company_that_names_itself_in_no_way_is_not_another_company(body: Any) -> None:
    with pytest.raises(ProviderUnavailable, match="malformed"):
        await answering(ok(body)).freeagent.read_list(Access("a", "4100001"), ListName.TAX_RATES, None)


async def test_a_forbidden_call_whose_reason_cannot_be_read_ends_nothing() -> None:
    practice = Practice(Organisation=httpx2.Response(403), connections=ok([{"tenantType": "ORGANISATION"}]))
    with pytest.raises(ProviderUnavailable, match="malformed"):
        await practice.xero.read_list(Access("a", TENANT), ListName.ORGANISATION, None)


@ENDPOINTS
@EACH
async def test_an_answer_of_a_hundred_megabytes_is_no_answer(name: str, ask: Callable[..., Any]) -> None:
    with pytest.raises(ProviderUnavailable, match="too_large"):
        await ask(name, answering(lambda _: httpx2.Response(200, content=Endless())))


@ENDPOINTS
@EACH
async def test_an_answer_that_nests_without_end_is_no_answer(name: str, ask: Callable[..., Any]) -> None:
    with pytest.raises(ProviderUnavailable, match="malformed"):
        await ask(name, answering(httpx2.Response(200, content=b"[" * 1_000_000)))


async def never(_: httpx2.Request) -> httpx2.Response:
    await asyncio.sleep(3600)
    raise AssertionError("somebody waited")


def slowly(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, content=Endless(pause=0.05))


@ENDPOINTS
@EACH
@pytest.mark.parametrize("answer", [never, slowly])
async def test_an_answer_that_comes_too_slowly_or_never_is_no_answer(
    name: str, ask: Callable[..., Any], answer: Callable[..., Any]
) -> None:
    practice = answering(answer)
    practice.http.timeout = httpx2.Timeout(0.05)
    with pytest.raises(ProviderUnavailable, match="timeout"):
        await ask(name, practice)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("xero", {"Contacts": [], "pagination": {"pageCount": 10**9}}),
        ("quickbooks", {"QueryResponse": {"Vendor": [{}] * 1_000}}),
        ("sage", {"$items": [], "$next": "/contacts?page=2"}),
    ],
)
async def test_a_list_that_never_ends_is_given_up(name: str, page: Any) -> None:
    practice = Practice(Contacts=ok(page), query=ok(page))
    with pytest.raises(ProviderUnavailable, match="too_large"):
        await provider_of(practice, name).read_list(Access("a", TENANT), ListName.SUPPLIERS, None)
    assert len(practice.calls) == MOST_PAGES


async def test_contacts_of_freeagent_that_never_end_are_given_up() -> None:
    practice = Practice(company=company(), contacts=freeagent_rows("contacts", more=True))
    with pytest.raises(ProviderUnavailable, match="too_large"):
        await practice.freeagent.read_list(Access("a", "4100001"), ListName.SUPPLIERS, None)


@pytest.mark.parametrize("realm", ["", "../1", "1/", "1?x=1", "\u0661", "1\0"])
async def test_a_company_in_the_callback_that_is_no_number_is_not_asked_for(realm: str) -> None:
    practice = answering(ok(TOKENS))
    with pytest.raises(ProviderUnavailable, match="realmId"):
        await practice.quickbooks.exchange("c", "v", "https://relink.example/", {"realmId": realm}, NOON)
    assert practice.calls == []
