"""FreeAgent's answers in our words, and ours in FreeAgent's."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from build_providers import (
    COMPANY,
    COMPANY_ACCESS,
    PDF,
    Practice,
    a_bill,
    company,
    freeagent_refusal,
    freeagent_rows,
    ok,
    soon,
)

from providers.errors import OrganisationGone, OutcomeUnknown, ProviderUnavailable, Refused, Throttled, TokenRejected
from providers.interface import ListNotOffered
from providers.models import Document, Line, ListName, Published

API = "http://freeagent.test/v2"
NONE_YET = freeagent_rows("bills")
FILE = {"file_name": PDF.file_name, "file_size": str(len(PDF.content))}


def created(bill_id: str = "147") -> httpx2.Response:
    return httpx2.Response(201, json={"bill": {"url": f"{API}/bills/{bill_id}"}})


def a_contact(contact_id: str = "7", **changes: Any) -> dict[str, Any]:
    contact = {"url": f"{API}/contacts/{contact_id}", "organisation_name": "Office Supplies Ltd", "status": "Active"}
    return contact | changes


async def read(practice: Practice, list_name: ListName, since: datetime | None = None) -> list[Any]:
    return list((await practice.freeagent.read_list(COMPANY_ACCESS, list_name, since)).entries)


async def create(practice: Practice, **changes: Any) -> Published:
    return await practice.freeagent.create_bill(COMPANY_ACCESS, a_bill(**changes), "key", soon())


# The company


async def test_a_token_of_another_company_reads_and_writes_nothing() -> None:
    practice = Practice(company=company("4100002"))
    with pytest.raises(OrganisationGone, match=COMPANY):
        await read(practice, ListName.SUPPLIERS)
    with pytest.raises(OrganisationGone, match=COMPANY):
        await create(practice)
    with pytest.raises(OrganisationGone, match=COMPANY):
        await practice.freeagent.ensure_supplier(COMPANY_ACCESS, "Office Supplies Ltd", "key")
    assert {call.url.path for call in practice.calls} == {"/v2/company"}


async def test_calls_say_whose_they_are() -> None:
    practice = Practice(company=company())
    await read(practice, ListName.ORGANISATION)
    assert practice.calls[0].headers["User-Agent"] == "Relink"


# Refusals


@pytest.mark.parametrize(
    ("sentence", "code", "field"),
    [
        ("Category can't be blank", "category_missing", "account_id"),
        ("Contact can't be blank", "supplier_missing", "supplier_id"),
        ("Sales tax rate is not included in the list", "tax_mismatch", "tax_rate_id"),
        ("Currency is not included in the list", "currency_unsupported", "currency"),
        ("Dated on is in a period that is locked", "period_locked", "date"),
        ("nobody has seen this", "value_invalid", None),
    ],
)
async def test_a_refusal_names_the_problem_and_keeps_freeagents_sentence(
    sentence: str, code: str, field: str | None
) -> None:
    with pytest.raises(Refused) as refusal:
        await create(Practice(company=company(), bills=[NONE_YET, freeagent_refusal(sentence)]))
    [problem] = refusal.value.problems
    assert (problem.code, problem.field, problem.message) == (code, field, sentence)


async def test_an_array_of_messages_is_several_problems() -> None:
    refused = freeagent_refusal("Contact can't be blank", "Currency is wrong")
    with pytest.raises(Refused) as refusal:
        await create(Practice(company=company(), bills=[NONE_YET, refused]))
    assert [problem.code for problem in refusal.value.problems] == ["supplier_missing", "currency_unsupported"]


@pytest.mark.parametrize("body", [{"text": "oops"}, {"json": {"errors": "oops"}}, {"json": ["oops"]}])
@pytest.mark.parametrize("status", [400, 422, 499])
async def test_a_refusal_of_another_shape_is_a_refusal_all_the_same(status: int, body: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="oops"):
        await create(Practice(company=company(), bills=[NONE_YET, httpx2.Response(status, **body)]))


@pytest.mark.parametrize(("status", "code"), [(403, "permission_missing"), (404, "document_missing")])
async def test_the_status_says_what_no_sentence_does(status: int, code: str) -> None:
    with pytest.raises(Refused, match=code):
        await read(Practice(company=httpx2.Response(status)), ListName.ORGANISATION)


async def test_a_401_rejects_the_token_and_accuses_nobody() -> None:
    with pytest.raises(TokenRejected):
        await read(Practice(company=httpx2.Response(401, text="")), ListName.ORGANISATION)


async def test_a_throttled_call_waits_as_long_as_freeagent_says() -> None:
    answer = httpx2.Response(429, text="You must not exceed 15 requests per 60 seconds", headers={"Retry-After": "60"})
    with pytest.raises(Throttled) as limit:
        await read(Practice(company=answer), ListName.ORGANISATION)
    assert limit.value.retry_after.total_seconds() == 60


# Bills


async def test_a_bill_is_written_with_our_reference_after_a_look_for_it() -> None:
    practice = Practice(company=company(), bills=[NONE_YET, created()])

    assert await create(practice) == Published("147")

    assert [(call.method, call.url.path) for call in practice.calls] == [
        ("GET", "/v2/company"),
        ("GET", "/v2/bills"),
        ("POST", "/v2/bills"),
    ]
    assert practice.sent() == {
        "bill": {
            "contact": f"{API}/contacts/supplier-7",
            "reference": "INV-2026-0042",
            "dated_on": "2026-11-01",
            "due_on": "2026-11-30",
            "currency": "GBP",
            "comments": "itm_0192/1\nNumber: INV-2026-0042",
            "bill_items": [
                {
                    "category": f"{API}/categories/429",
                    "description": "Paper",
                    "total_value_ex_tax": "120.45",
                    "sales_tax_rate": "INPUT2",
                }
            ],
        }
    }


async def test_a_bill_that_is_there_already_is_not_written_again_for_want_of_keys() -> None:
    ours = {"url": f"{API}/bills/147", "comments": "itm_0192/1\nNumber: 1"}
    practice = Practice(company=company(), bills=freeagent_rows("bills", ours))
    assert await create(practice) == Published("147")
    assert [call.method for call in practice.calls] == ["GET", "GET"]


async def test_nothing_is_written_while_the_look_before_it_fails() -> None:
    practice = Practice(company=company(), bills=httpx2.Response(503))
    with pytest.raises(ProviderUnavailable):
        await create(practice)
    assert [call.method for call in practice.calls] == ["GET", "GET"]


async def test_an_answer_without_an_address_leaves_a_write_in_doubt() -> None:
    with pytest.raises(OutcomeUnknown):
        await create(Practice(company=company(), bills=[NONE_YET, httpx2.Response(201)]))


async def test_what_freeagent_wants_and_a_bill_may_lack_is_filled_in() -> None:
    practice = Practice(company=company(), bills=[NONE_YET, created()])
    await create(practice, number="", due_date=None)
    sent = practice.sent()["bill"]
    assert (sent["reference"], sent["due_on"]) == ("itm_0192/1", "2026-11-01")


@pytest.mark.parametrize(
    ("tax", "said"),
    [
        (None, {}),
        ("20.0", {"sales_tax_rate": "20.0"}),
        ("EXEMPT", {"sales_tax_status": "EXEMPT"}),
        ("OUT_OF_SCOPE", {"sales_tax_status": "OUT_OF_SCOPE"}),
    ],
)
async def test_a_line_says_its_rate_its_status_or_nothing(tax: str | None, said: dict[str, str]) -> None:
    practice = Practice(company=company(), bills=[NONE_YET, created()])
    await create(practice, lines=(Line("Paper", Decimal("1.10"), "429", tax),))
    [item] = practice.sent()["bill"]["bill_items"]
    assert {name: value for name, value in item.items() if name.startswith("sales_tax")} == said
    assert item["total_value_ex_tax"] == "1.10"


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"supplier_id": None}, "supplier_missing"), ({"lines": a_bill().lines * 41}, "value_invalid")],
)
async def test_a_bill_that_freeagent_could_not_take_is_refused_before_anything_is_sent(
    changes: dict[str, Any], code: str
) -> None:
    practice = Practice(company=company(), bills=NONE_YET)
    with pytest.raises(Refused, match=code):
        await create(practice, **changes)
    assert practice.calls == []


async def test_our_bill_is_found_among_the_others_of_its_day_on_any_page() -> None:
    foreign = {"url": f"{API}/bills/1"}
    earlier = {"url": f"{API}/bills/2", "comments": "itm_0192/11\nNumber: 1"}
    ours = {"url": f"{API}/bills/3", "comments": "itm_0192/1\nNumber: 1"}
    pages = [freeagent_rows("bills", foreign, more=True), freeagent_rows("bills", earlier, ours)]
    practice = Practice(company=company(), bills=pages)

    assert await practice.freeagent.find_bill(COMPANY_ACCESS, a_bill()) == Published("3")
    asked = practice.calls[1].url.params
    assert (asked["from_date"], asked["to_date"], asked["per_page"]) == ("2026-11-01", "2026-11-01", "100")
    assert practice.calls[2].url.params["page"] == "2"


# Files


async def test_a_file_goes_inside_its_bill_in_freeagents_words() -> None:
    practice = Practice(bills=[ok({"bill": {"attachment": None}}), ok({})])
    await practice.freeagent.attach(COMPANY_ACCESS, Published("147"), PDF)
    assert [(call.method, call.url.path) for call in practice.calls] == [
        ("GET", "/v2/bills/147"),
        ("PUT", "/v2/bills/147"),
    ]
    data = base64.b64encode(PDF.content).decode()
    file = {"data": data, "file_name": "bill.pdf", "content_type": "application/x-pdf"}
    assert practice.sent() == {"bill": {"attachment": file}}


async def test_a_file_that_is_there_is_not_sent_again() -> None:
    practice = Practice(bills=ok({"bill": {"attachment": FILE}}))
    await practice.freeagent.attach(COMPANY_ACCESS, Published("147"), PDF)
    assert [call.method for call in practice.calls] == ["GET"]


@pytest.mark.parametrize("changes", [{"file_name": "theirs.pdf"}, {"file_size": "1"}])
async def test_a_file_of_somebody_else_is_left_alone(changes: dict[str, str]) -> None:
    practice = Practice(bills=ok({"bill": {"attachment": FILE | changes}}))
    with pytest.raises(Refused, match="document_exists"):
        await practice.freeagent.attach(COMPANY_ACCESS, Published("147"), PDF)
    assert [call.method for call in practice.calls] == ["GET"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (Document("a.pdf", "application/pdf", b"0" * (5 * 2**20 + 1)), "document_too_large"),
        (Document("a.txt", "text/plain", b"text"), "document_unsupported"),
    ],
)
async def test_a_file_that_freeagent_would_not_take_is_refused_here(document: Document, code: str) -> None:
    with pytest.raises(Refused, match=code):
        await Practice().freeagent.attach(COMPANY_ACCESS, Published("147"), document)


# Suppliers


async def test_a_supplier_that_exists_is_used_and_nothing_is_written() -> None:
    contacts = freeagent_rows("contacts", a_contact("6", organisation_name="Office Supplies Ltd."), a_contact())
    practice = Practice(company=company(), contacts=contacts)
    assert await practice.freeagent.ensure_supplier(COMPANY_ACCESS, "office supplies ltd", "key") == "7"
    assert practice.calls[1].url.params["view"] == "active"
    assert [call.method for call in practice.calls] == ["GET", "GET"]


async def test_a_supplier_that_is_missing_on_every_page_is_created() -> None:
    answer = httpx2.Response(201, json={"contact": a_contact("8")})
    pages = [freeagent_rows("contacts", more=True), freeagent_rows("contacts"), answer]
    practice = Practice(company=company(), contacts=pages)
    assert await practice.freeagent.ensure_supplier(COMPANY_ACCESS, "Office Supplies Ltd", "key") == "8"
    assert practice.sent() == {"contact": {"organisation_name": "Office Supplies Ltd"}}


# Lists


async def test_any_contact_may_supply_and_clients_are_customers() -> None:
    practice = Practice(company=company(), contacts=freeagent_rows("contacts", a_contact()))
    await read(practice, ListName.SUPPLIERS)
    await read(practice, ListName.CUSTOMERS)
    assert [call.url.params["view"] for call in practice.calls if "view" in call.url.params] == ["all", "clients"]


async def test_a_contact_is_an_organisation_or_a_person_and_may_be_hidden() -> None:
    person = a_contact("8", organisation_name=None, first_name="Ada", last_name="Lovelace", status="Hidden")
    practice = Practice(company=company(), contacts=freeagent_rows("contacts", a_contact(), person))
    found = await read(practice, ListName.SUPPLIERS)
    assert [(one.external_id, one.name, one.active) for one in found] == [
        ("7", "Office Supplies Ltd", True),
        ("8", "Ada Lovelace", False),
    ]


async def test_contacts_changed_since_a_time_are_not_the_whole_list() -> None:
    practice = Practice(company=company(), contacts=freeagent_rows("contacts"))
    since = datetime(2026, 10, 31, 12, 30, tzinfo=UTC)
    reading = await practice.freeagent.read_list(COMPANY_ACCESS, ListName.SUPPLIERS, since)
    assert practice.calls[1].url.params["updated_since"] == "2026-10-31T12:30:00Z"
    assert not reading.is_full
    assert reading.cost.calls == 2


async def test_categories_are_known_by_the_end_of_their_address() -> None:
    entry = {"url": f"{API}/categories/001", "description": "Sales", "nominal_code": "001", "auto_sales_tax_rate": ""}
    groups = {"income_categories": [entry], "general_categories": [], "something_else": "x"}
    [account] = await read(Practice(company=company(), categories=ok(groups)), ListName.ACCOUNTS)
    assert (account.external_id, account.code, account.name, account.type) == ("001", "001", "Sales", "income")
    assert account.tax_treatment is None


async def test_the_companys_rates_and_two_ways_of_having_none_are_the_tax_rates() -> None:
    rates = await read(Practice(company=company()), ListName.TAX_RATES)
    assert [(one.external_id, one.name, one.tax_treatment) for one in rates] == [
        ("20.0", "20.0%", "20.0"),
        ("0.0", "0.0%", "0.0"),
        ("EXEMPT", "Exempt", None),
        ("OUT_OF_SCOPE", "Out of scope", None),
    ]


async def test_the_company_says_its_currency() -> None:
    [entry] = await read(Practice(company=company()), ListName.ORGANISATION)
    assert (entry.external_id, entry.name, entry.code) == (COMPANY, "Demo Trading Ltd", "GBP")


async def test_a_list_that_freeagent_has_not_is_a_mistake_of_ours() -> None:
    with pytest.raises(ListNotOffered):
        await read(Practice(company=company()), ListName.TRACKING)


async def test_a_list_that_is_no_list_is_like_no_answer() -> None:
    with pytest.raises(ProviderUnavailable, match="malformed"):
        await read(Practice(company=company(), contacts=ok({"people": []})), ListName.SUPPLIERS)
