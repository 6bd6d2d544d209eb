"""Xero's answers in our words, and ours in Xero's."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from build_providers import (
    ACCESS,
    PDF,
    TENANT,
    Practice,
    a_bill,
    an_invoice,
    gateway,
    invoices,
    ok,
    soon,
    validation,
)

from providers.errors import OrganisationGone, ProviderUnavailable, Refused, TokenRejected
from providers.interface import ListNotOffered
from providers.models import Destination, Document, ListName, Published

PAGE_OF = {"page": 1, "pageSize": 1000, "pageCount": 1, "itemCount": 1}


def a_contact(**changes: Any) -> dict[str, Any]:
    contact = {"ContactID": "c-1", "Name": "Office Supplies Ltd", "ContactStatus": "ACTIVE"}
    return contact | {"IsSupplier": True, "IsCustomer": False} | changes


def contacts(*found: dict[str, Any], pages: int = 1) -> httpx2.Response:
    return ok({"Contacts": list(found), "pagination": PAGE_OF | {"pageCount": pages}})


def an_account(**changes: Any) -> dict[str, Any]:
    account = {"AccountID": "a-1", "Code": "429", "Name": "General Expenses", "Type": "EXPENSE", "Status": "ACTIVE"}
    return account | {"Class": "EXPENSE", "TaxType": "INPUT2"} | changes


def a_rate(tax_type: str, **changes: Any) -> dict[str, Any]:
    rate = {"TaxType": tax_type, "Name": tax_type.title(), "Status": "ACTIVE", "EffectiveRate": 20.5}
    return rate | {"CanApplyToExpenses": True} | changes


async def read(practice: Practice, list_name: ListName, since: datetime | None = None) -> list[Any]:
    return list((await practice.xero.read_list(ACCESS, list_name, since)).entries)


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ("Account code '999' is not a valid code for this document.", "category_missing", "account_id"),
        ("Account code '4' has been archived, or has been deleted. Each line …", "category_missing", "account_id"),
        ("The TaxType code 'X' cannot be used with account code '429' …", "tax_mismatch", "tax_rate_id"),
        ("The document date cannot be before the period lock date, currently set at …", "period_locked", "date"),
        ("Organisation is not subscribed to currency EUR", "currency_unsupported", "currency"),
        ("Invoice # must be unique.", "duplicate", "number"),
        ("The contact name X is already assigned to another contact. …", "duplicate", "supplier_name"),
        ("A Contact must be specified for this type of transaction", "supplier_missing", "supplier_id"),
        ("Something nobody has seen", "value_invalid", None),
    ],
)
async def test_a_refusal_names_the_problem_and_keeps_xeros_sentence(message: str, code: str, field: str | None) -> None:
    with pytest.raises(Refused) as refusal:
        await Practice(Invoices=validation(message)).xero.create_bill(ACCESS, a_bill(), "key", soon())
    [problem] = refusal.value.problems
    assert (problem.code, problem.field, problem.message) == (code, field, message)


@pytest.mark.parametrize("mark", [{"HasErrors": True}, {"StatusAttributeString": "ERROR"}])
async def test_a_refusal_may_come_with_status_200(mark: dict[str, Any]) -> None:
    errors = [{"Message": "Account code '999' is not a valid code for this document."}]
    refused = an_invoice(ValidationErrors=errors, **mark)
    with pytest.raises(Refused, match="category_missing"):
        await Practice(Invoices=invoices(refused)).xero.create_bill(ACCESS, a_bill(), "key", soon())


async def test_a_body_that_xero_cannot_read_is_refused_with_its_message() -> None:
    body = {"ErrorNumber": 14, "Type": "PostDataInvalidException", "Message": "Error converting value at Invoices[0]"}
    with pytest.raises(Refused, match="Error converting value"):
        await Practice(Invoices=httpx2.Response(400, json=body)).xero.create_bill(ACCESS, a_bill(), "key", soon())


@pytest.mark.parametrize("detail", ["TokenExpired: token expired at 11/02/2026 12:00:00", "AuthenticationUnsuccessful"])
async def test_a_401_rejects_the_token_and_accuses_nobody(detail: str) -> None:
    with pytest.raises(TokenRejected, match=detail[:10]):
        await read(Practice(Organisation=gateway(401, detail)), ListName.ORGANISATION)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_missing_scope_is_a_missing_permission_with_either_status(status: int) -> None:
    with pytest.raises(Refused, match="permission_missing"):
        await read(Practice(Organisation=gateway(status, "AuthorizationUnsuccessful")), ListName.ORGANISATION)


@pytest.mark.parametrize("others", [[], [{"id": "c-2", "tenantId": "another", "tenantType": "ORGANISATION"}]])
async def test_an_organisation_is_gone_only_when_the_list_of_connections_no_longer_names_it(others: list[Any]) -> None:
    practice = Practice(Organisation=gateway(403, "AuthenticationUnsuccessful"), connections=ok(others))
    with pytest.raises(OrganisationGone, match=TENANT):
        await read(practice, ListName.ORGANISATION)


async def test_a_forbidden_organisation_that_is_still_listed_wants_a_newer_token() -> None:
    listed = {"id": "c-1", "tenantId": TENANT, "tenantType": "ORGANISATION", "tenantName": "Demo Trading Ltd"}
    practice = Practice(Organisation=gateway(403, "AuthenticationUnsuccessful"), connections=ok([listed]))
    with pytest.raises(TokenRejected):
        await read(practice, ListName.ORGANISATION)


@pytest.mark.parametrize("unreadable", [httpx2.Response(503, text="offline"), ok({}), ok(["c-1"]), ok(None)])
async def test_a_forbidden_organisation_is_not_given_up_while_the_list_cannot_be_read(
    unreadable: httpx2.Response,
) -> None:
    practice = Practice(Organisation=gateway(403, "AuthenticationUnsuccessful"), connections=unreadable)
    with pytest.raises(ProviderUnavailable):
        await read(practice, ListName.ORGANISATION)


async def test_lower_case_keys_of_the_gateway_are_read_too() -> None:
    practice = Practice(Organisation=httpx2.Response(401, json={"title": "Unauthorized", "detail": "TokenExpired"}))
    with pytest.raises(TokenRejected, match="TokenExpired"):
        await read(practice, ListName.ORGANISATION)


async def test_a_bill_is_written_once_under_our_key_and_with_our_reference() -> None:
    practice = Practice(Invoices=invoices(an_invoice()))

    published = await practice.xero.create_bill(ACCESS, a_bill(), "itm_0192/1/9f86", soon())

    [call] = practice.calls
    assert published == Published("invoice-1")
    assert (call.method, call.headers["Idempotency-Key"]) == ("PUT", "itm_0192/1/9f86")
    assert call.headers["xero-tenant-id"] == TENANT
    assert call.url.params["summarizeErrors"] == "true"
    assert practice.sent()["Invoices"] == [
        {
            "Type": "ACCPAY",
            "Contact": {"ContactID": "supplier-7"},
            "InvoiceNumber": "INV-2026-0042",
            "Url": "https://relink.invalid/itm_0192/1",
            "Date": "2026-11-01",
            "DueDate": "2026-11-30",
            "CurrencyCode": "GBP",
            "Status": "DRAFT",
            "LineAmountTypes": "Exclusive",
            "LineItems": [
                {
                    "Description": "Paper",
                    "Quantity": 1,
                    "UnitAmount": 120.45,
                    "AccountCode": "429",
                    "TaxType": "INPUT2",
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("destination", "status"),
    [
        (Destination.DRAFT, "DRAFT"),
        (Destination.AWAITING_APPROVAL, "SUBMITTED"),
        (Destination.AWAITING_PAYMENT, "AUTHORISED"),
    ],
)
async def test_the_destination_decides_how_far_the_bill_goes(destination: Destination, status: str) -> None:
    practice = Practice(Invoices=invoices(an_invoice()))
    await practice.xero.create_bill(ACCESS, a_bill(destination=destination), "key", soon())
    assert practice.sent()["Invoices"][0]["Status"] == status


async def test_a_bill_without_a_supplier_is_refused_before_anything_is_sent() -> None:
    practice = Practice(Invoices=invoices(an_invoice()))
    with pytest.raises(Refused, match="supplier_missing"):
        await practice.xero.create_bill(ACCESS, a_bill(supplier_id=None), "key", soon())
    assert practice.calls == []


async def test_a_key_longer_than_xero_takes_is_sent_as_its_hash() -> None:
    practice = Practice(Invoices=invoices(an_invoice()))
    await practice.xero.create_bill(ACCESS, a_bill(), "k" * 129, soon())
    await practice.xero.create_bill(ACCESS, a_bill(), "k" * 129, soon())
    first, second = (call.headers["Idempotency-Key"] for call in practice.calls)
    assert first == second
    assert len(first) == 64


async def test_our_bill_is_found_among_others_of_the_same_number() -> None:
    foreign = an_invoice(InvoiceID="foreign", Url=None)
    earlier = an_invoice(InvoiceID="earlier", Url="https://relink.invalid/itm_0192/11")
    practice = Practice(Invoices=invoices(foreign, earlier, an_invoice()))

    assert await practice.xero.find_bill(ACCESS, a_bill()) == Published("invoice-1")
    asked = practice.calls[0].url.params
    assert (asked["InvoiceNumbers"], asked["ContactIDs"]) == ("INV-2026-0042", "supplier-7")


async def test_a_bill_of_the_same_number_and_amount_is_not_ours_without_our_reference() -> None:
    assert await Practice(Invoices=invoices(an_invoice(Url=None))).xero.find_bill(ACCESS, a_bill()) is None


async def test_a_number_with_a_comma_does_not_split_the_look_up() -> None:
    practice = Practice(Invoices=invoices(an_invoice()))
    assert await practice.xero.find_bill(ACCESS, a_bill(number="1,2")) == Published("invoice-1")
    assert "InvoiceNumbers" not in practice.calls[0].url.params


async def test_a_file_is_put_on_its_bill_under_a_name_that_xero_takes() -> None:
    practice = Practice(Attachments=ok({"Attachments": []}))
    await practice.xero.attach(ACCESS, Published("invoice-1"), Document("a/b: 1+1?.pdf", "application/pdf", b"%PDF"))
    look, put = practice.calls
    assert (look.method, put.method) == ("GET", "PUT")
    assert put.url.raw_path.endswith(b"/Invoices/invoice-1/Attachments/a_b_%201_1_.pdf")
    assert (put.headers["Content-Type"], put.content) == ("application/pdf", b"%PDF")


async def test_a_file_that_is_there_is_not_sent_again() -> None:
    there = {"FileName": PDF.file_name, "ContentLength": len(PDF.content)}
    practice = Practice(Attachments=ok({"Attachments": [there]}))
    await practice.xero.attach(ACCESS, Published("invoice-1"), PDF)
    assert [call.method for call in practice.calls] == ["GET"]


async def test_a_file_of_the_same_name_and_another_size_is_replaced() -> None:
    practice = Practice(Attachments=ok({"Attachments": [{"FileName": PDF.file_name, "ContentLength": 1}]}))
    await practice.xero.attach(ACCESS, Published("invoice-1"), PDF)
    assert [call.method for call in practice.calls] == ["GET", "PUT"]


async def test_a_file_that_xero_would_not_take_is_refused_here() -> None:
    with pytest.raises(Refused, match="document_too_large"):
        await Practice().xero.attach(ACCESS, Published("i"), Document("a.pdf", "application/pdf", b"0" * 10_485_761))


async def test_a_supplier_that_exists_is_used_and_nothing_is_written() -> None:
    practice = Practice(Contacts=contacts(a_contact(ContactID="c-2", Name="Office Supplies Ltd."), a_contact()))
    assert await practice.xero.ensure_supplier(ACCESS, "office supplies ltd", "key") == "c-1"
    assert [call.method for call in practice.calls] == ["GET"]


async def test_a_supplier_that_is_missing_is_created() -> None:
    practice = Practice(Contacts=[contacts(), ok({"Contacts": [a_contact()]})])
    assert await practice.xero.ensure_supplier(ACCESS, "Office Supplies Ltd", "key") == "c-1"
    assert practice.sent() == {"Contacts": [{"Name": "Office Supplies Ltd"}]}


async def test_a_supplier_that_somebody_created_meanwhile_is_looked_up_again() -> None:
    taken = validation("The contact name X is already assigned to another contact.")
    practice = Practice(Contacts=[contacts(), taken, contacts(a_contact())])
    assert await practice.xero.ensure_supplier(ACCESS, "Office Supplies Ltd", "key") == "c-1"


async def test_an_archived_contact_is_no_supplier_for_a_new_bill() -> None:
    practice = Practice(Contacts=[contacts(a_contact(ContactStatus="ARCHIVED")), ok({"Contacts": [a_contact()]})])
    await practice.xero.ensure_supplier(ACCESS, "Office Supplies Ltd", "key")
    assert [call.method for call in practice.calls] == ["GET", "PUT"]


async def test_contacts_are_read_page_by_page_and_what_it_cost_is_told() -> None:
    practice = Practice(Contacts=[contacts(a_contact(), pages=2), contacts(a_contact(ContactID="c-2"), pages=2)])
    reading = await practice.xero.read_list(ACCESS, ListName.SUPPLIERS, None)
    assert [entry.external_id for entry in reading.entries] == ["c-1", "c-2"]
    assert [call.url.params["page"] for call in practice.calls] == ["1", "2"]
    assert reading.is_full
    assert reading.cost.calls == 2
    assert reading.cost.bytes_received > 0


async def test_contacts_changed_since_a_time_are_not_the_whole_list() -> None:
    practice = Practice(Contacts=contacts())
    since = datetime(2026, 10, 31, 12, 30, tzinfo=UTC)
    reading = await practice.xero.read_list(ACCESS, ListName.CUSTOMERS, since)
    assert practice.calls[0].headers["If-Modified-Since"] == "2026-10-31T12:30:00"
    assert not reading.is_full


async def test_a_list_that_cannot_tell_what_changed_comes_whole() -> None:
    practice = Practice(TaxRates=ok({"TaxRates": [a_rate("INPUT2")]}))
    reading = await practice.xero.read_list(ACCESS, ListName.TAX_RATES, datetime(2026, 10, 31, tzinfo=UTC))
    assert reading.is_full
    assert "If-Modified-Since" not in practice.calls[0].headers


async def test_a_contact_is_a_supplier_until_it_is_only_a_customer() -> None:
    new = a_contact(ContactID="new", IsSupplier=False, IsCustomer=False)
    sold_to = a_contact(ContactID="sold-to", IsSupplier=False, IsCustomer=True)
    both = a_contact(ContactID="both", IsSupplier=True, IsCustomer=True)
    everybody = contacts(new, sold_to, both)
    assert [e.external_id for e in await read(Practice(Contacts=everybody), ListName.SUPPLIERS)] == ["new", "both"]
    assert [e.external_id for e in await read(Practice(Contacts=everybody), ListName.CUSTOMERS)] == ["sold-to", "both"]


async def test_an_account_knows_the_tax_rates_that_fit_it() -> None:
    rates = [a_rate("INPUT2"), a_rate("OUTPUT2", CanApplyToExpenses=False), a_rate("OLD", Status="ARCHIVED")]
    practice = Practice(
        Accounts=ok({"Accounts": [an_account(), an_account(Code="090", Type="BANK"), an_account(Code="")]}),
        TaxRates=ok({"TaxRates": rates}),
    )
    [account] = await read(practice, ListName.ACCOUNTS)
    assert (account.external_id, account.code, account.type) == ("429", "429", "EXPENSE")
    assert (account.tax_treatment, account.valid_tax_rates) == ("INPUT2", ("INPUT2",))


async def test_an_account_code_with_a_slash_makes_an_id_without_one_and_finds_its_way_back() -> None:
    practice = Practice(
        Accounts=ok({"Accounts": [an_account(Code="4/29%")]}),
        TaxRates=ok({"TaxRates": []}),
        Invoices=invoices(an_invoice()),
    )
    [account] = await read(practice, ListName.ACCOUNTS)
    assert "/" not in account.external_id
    line = a_bill().lines[0]
    bill = a_bill(lines=(type(line)("Paper", Decimal(1), account.external_id),))
    await practice.xero.create_bill(ACCESS, bill, "key", soon())
    assert practice.sent()["Invoices"][0]["LineItems"][0]["AccountCode"] == "4/29%"


async def test_a_rate_keeps_every_digit() -> None:
    body = b'{"TaxRates": [{"TaxType": "T", "Name": "T", "Status": "ACTIVE", "EffectiveRate": 20.1000}]}'
    [rate] = await read(Practice(TaxRates=httpx2.Response(200, content=body)), ListName.TAX_RATES)
    assert rate.tax_treatment == "20.1000"


async def test_tracking_options_follow_their_category() -> None:
    option = {"TrackingOptionID": "o-1", "Name": "North", "Status": "ACTIVE"}
    category = {"TrackingCategoryID": "t-1", "Name": "Region", "Status": "ACTIVE", "Options": [option]}
    found = await read(Practice(TrackingCategories=ok({"TrackingCategories": [category]})), ListName.TRACKING)
    assert [(one.external_id, one.parent_id, one.type) for one in found] == [
        ("t-1", None, "category"),
        ("o-1", "t-1", "option"),
    ]


async def test_the_organisation_says_its_currency() -> None:
    body = {"OrganisationID": TENANT, "Name": "Demo Trading Ltd", "BaseCurrency": "GBP", "CountryCode": "GB"}
    [entry] = await read(Practice(Organisation=ok({"Organisations": [body]})), ListName.ORGANISATION)
    assert (entry.code, entry.type) == ("GBP", "GB")


async def test_a_list_that_xero_has_not_is_a_mistake_of_ours() -> None:
    with pytest.raises(ListNotOffered):
        await read(Practice(), ListName.PROJECTS)
