"""Sage's answers in our words, and ours in Sage's."""

import base64
import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from build_providers import BUSINESS, BUSINESS_ACCESS, PDF, Practice, a_bill, ok, sage_error, sage_page, soon

from providers.errors import OrganisationGone, OutcomeUnknown, ProviderUnavailable, Refused, Throttled, TokenRejected
from providers.interface import ListNotOffered
from providers.models import Document, Line, ListName, Published

HERE = sage_page({"id": BUSINESS, "displayed_as": "Demo Trading Ltd"})
DENIED = sage_error(403, "MultiUserAccessDenied", "You do not have access.")


def created(document_id: str = "b" * 32) -> httpx2.Response:
    return httpx2.Response(201, json={"id": document_id, "displayed_as": "INV-2026-0042"})


def a_contact(**changes: Any) -> dict[str, Any]:
    contact = {"id": "c" * 32, "displayed_as": "Office Supplies Ltd", "name": "Office Supplies Ltd", "is_active": True}
    return contact | changes


async def read(practice: Practice, list_name: ListName, since: datetime | None = None) -> list[Any]:
    return list((await practice.sage.read_list(BUSINESS_ACCESS, list_name, since)).entries)


async def create(practice: Practice, **changes: Any) -> Published:
    return await practice.sage.create_bill(BUSINESS_ACCESS, a_bill(**changes), "itm_0192/1/9f86", soon())


# Refusals


@pytest.mark.parametrize(
    ("code", "message", "source", "ours", "field"),
    [
        ("RecordInvalid", "cannot be used", "invoice_lines.ledger_account_id", "category_missing", "account_id"),
        ("RecordInvalid", "does not exist", "line_items.tax_rate_id", "tax_mismatch", "tax_rate_id"),
        ("RecordInvalid", "This field is required.", "contact_id", "supplier_missing", "supplier_id"),
        ("RecordInvalid", "is not enabled", "currency_id", "currency_unsupported", "currency"),
        ("RecordInvalid", "must be after the lockdown date", "date", "period_locked", "date"),
        ("RecordInvalid", "is not a valid date", "date", "value_invalid", "date"),
        ("RecordInvalid", "nobody has seen this", "", "value_invalid", None),
        ("RecordNotFound", "The record could not be found.", "", "document_missing", None),
        ("IdempotencyResourceMismatch", "was used for another", "", "value_invalid", None),
    ],
)
async def test_an_error_names_the_problem_and_keeps_its_sentence(
    code: str, message: str, source: str, ours: str, field: str | None
) -> None:
    with pytest.raises(Refused) as refusal:
        await create(Practice(purchase_invoices=sage_error(422, code, message, source)))
    [problem] = refusal.value.problems
    assert (problem.code, problem.field) == (ours, field)
    assert message in problem.message


async def test_every_error_of_the_array_is_a_problem() -> None:
    errors = [{"$dataCode": "RecordInvalid", "$message": "wrong", "$source": source} for source in ("contact_id", "x")]
    with pytest.raises(Refused) as refusal:
        await create(Practice(purchase_invoices=httpx2.Response(422, json=errors)))
    assert [problem.code for problem in refusal.value.problems] == ["supplier_missing", "value_invalid"]


@pytest.mark.parametrize("body", [{"json": {"$message": "one object"}}, {"text": "no JSON"}, {"json": ["a text"]}])
async def test_a_refusal_of_another_shape_is_a_refusal_all_the_same(body: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        await create(Practice(purchase_invoices=httpx2.Response(422, **body)))


async def test_a_401_rejects_the_token_and_accuses_nobody() -> None:
    expired = sage_error(401, "AuthorizationFailure", "The access token has expired.")
    with pytest.raises(TokenRejected, match="expired"):
        await read(Practice(contacts=expired), ListName.SUPPLIERS)
    with pytest.raises(TokenRejected):
        await read(Practice(contacts=httpx2.Response(401, text="")), ListName.SUPPLIERS)


async def test_a_401_for_want_of_a_subscription_is_no_matter_of_the_token() -> None:
    ended = sage_error(401, "AuthorizationFailure", "No active subscription. (MSE)")
    with pytest.raises(Refused, match="subscription_ended"):
        await read(Practice(contacts=ended), ListName.SUPPLIERS)


async def test_a_forbidden_business_that_is_still_listed_is_a_missing_permission() -> None:
    with pytest.raises(Refused, match="permission_missing"):
        await read(Practice(contacts=DENIED, businesses=HERE), ListName.SUPPLIERS)


@pytest.mark.parametrize("listed", [[], [{"id": "another", "displayed_as": "Other Org Ltd"}]])
async def test_a_business_is_gone_only_when_the_list_no_longer_names_it(listed: list[Any]) -> None:
    with pytest.raises(OrganisationGone, match=BUSINESS):
        await read(Practice(contacts=DENIED, businesses=sage_page(*listed)), ListName.SUPPLIERS)


@pytest.mark.parametrize(
    ("answer", "error"),
    [(httpx2.Response(503), ProviderUnavailable), (DENIED, Refused), (sage_error(401, "A", "b"), TokenRejected)],
    ids=["away", "denied", "token"],
)
async def test_a_forbidden_business_is_not_given_up_while_the_list_cannot_be_read(
    answer: httpx2.Response, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await read(Practice(contacts=DENIED, businesses=answer), ListName.SUPPLIERS)


async def test_a_throttled_call_waits_a_minute_where_no_time_is_named() -> None:
    with pytest.raises(Throttled) as limit:
        await read(Practice(contacts=sage_error(429, "TooManyRequests", "limit")), ListName.SUPPLIERS)
    assert limit.value.retry_after.total_seconds() == 60


async def test_an_answer_without_an_id_leaves_a_write_in_doubt() -> None:
    with pytest.raises(OutcomeUnknown):
        await create(Practice(purchase_invoices=httpx2.Response(201, json={})))


# Bills


async def test_a_bill_is_written_once_under_our_key_and_with_our_reference() -> None:
    practice = Practice(purchase_invoices=created())

    assert await create(practice) == Published("b" * 32)

    [call] = practice.calls
    assert (call.method, call.url.path) == ("POST", "/v3.1/purchase_invoices")
    assert call.headers["X-Business"] == BUSINESS
    assert practice.sent() == {
        "purchase_invoice": {
            "contact_id": "supplier-7",
            "date": "2026-11-01",
            "due_date": "2026-11-30",
            "vendor_reference": "INV-2026-0042",
            "notes": "itm_0192/1\nNumber: INV-2026-0042",
            "currency_id": "GBP",
            "idempotency_id": hashlib.sha256(b"itm_0192/1/9f86").hexdigest()[:32],
            "invoice_lines": [
                {
                    "description": "Paper",
                    "ledger_account_id": "429",
                    "quantity": 1,
                    "unit_price": 120.45,
                    "tax_rate_id": "INPUT2",
                }
            ],
        }
    }


async def test_a_bill_without_a_due_date_is_due_on_its_date_and_one_without_tax_says_nothing_of_it() -> None:
    practice = Practice(purchase_invoices=created())
    await create(practice, due_date=None, lines=(Line("Paper", Decimal(1), "7"),))
    sent = practice.sent()["purchase_invoice"]
    assert sent["due_date"] == "2026-11-01"
    assert "tax_rate_id" not in sent["invoice_lines"][0]


async def test_of_a_long_number_the_end_is_kept_and_the_whole_is_noted() -> None:
    practice = Practice(purchase_invoices=created())
    await create(practice, number="0" * 20 + "ends-like-this-1234")
    sent = practice.sent()["purchase_invoice"]
    assert (len(sent["vendor_reference"]), sent["vendor_reference"][-19:]) == (31, "ends-like-this-1234")
    assert "0" * 20 + "ends-like-this-1234" in sent["notes"]


async def test_a_bill_without_a_supplier_is_refused_before_anything_is_sent() -> None:
    practice = Practice(purchase_invoices=created())
    with pytest.raises(Refused, match="supplier_missing"):
        await create(practice, supplier_id=None)
    assert practice.calls == []


async def test_our_bill_is_found_among_the_others_of_its_day_on_any_page() -> None:
    foreign = {"id": "foreign", "notes": "thanks for itm_0192/1"}
    earlier = {"id": "earlier", "notes": "itm_0192/11\nNumber: 1"}
    ours = {"id": "ours", "notes": "itm_0192/1\nNumber: 1"}
    practice = Practice(
        purchase_invoices=[sage_page(foreign, {"id": "x", "notes": None}, more=True), sage_page(earlier, ours)]
    )

    assert await practice.sage.find_bill(BUSINESS_ACCESS, a_bill()) == Published("ours")
    asked = practice.calls[0].url.params
    assert (asked["from_date"], asked["to_date"], asked["attributes"]) == ("2026-11-01", "2026-11-01", "notes")
    assert [call.url.params["page"] for call in practice.calls] == ["1", "2"]


async def test_a_bill_that_is_not_there_is_not_found() -> None:
    assert await Practice(purchase_invoices=sage_page()).sage.find_bill(BUSINESS_ACCESS, a_bill()) is None


async def test_bills_without_their_notes_prove_nothing() -> None:
    practice = Practice(purchase_invoices=sage_page({"id": "x", "displayed_as": "x"}))
    with pytest.raises(ProviderUnavailable, match="malformed"):
        await practice.sage.find_bill(BUSINESS_ACCESS, a_bill())


# Files


async def test_a_file_goes_in_base64_to_its_bill() -> None:
    practice = Practice(attachments=[sage_page(), created()])
    await practice.sage.attach(BUSINESS_ACCESS, Published("bill-1"), PDF)
    assert practice.calls[0].url.params["attachment_context_id"] == "bill-1"
    assert practice.sent() == {
        "attachment": {
            "file": base64.b64encode(PDF.content).decode(),
            "file_name": "bill.pdf",
            "mime_type": "application/pdf",
            "attachment_context_type_id": "PURCHASE_INVOICE",
            "attachment_context_id": "bill-1",
        }
    }


@pytest.mark.parametrize("size", [len(PDF.content), str(len(PDF.content))])
async def test_a_file_that_is_there_is_not_sent_again(size: Any) -> None:
    practice = Practice(attachments=sage_page({"file_name": PDF.file_name, "file_size": size}))
    await practice.sage.attach(BUSINESS_ACCESS, Published("bill-1"), PDF)
    assert [call.method for call in practice.calls] == ["GET"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (Document("a.pdf", "application/pdf", b"0" * 2_621_441), "document_too_large"),
        (Document("a.gif", "image/gif", b"GIF89a"), "document_unsupported"),
    ],
)
async def test_a_file_that_sage_would_not_take_is_refused_here(document: Document, code: str) -> None:
    with pytest.raises(Refused, match=code):
        await Practice().sage.attach(BUSINESS_ACCESS, Published("bill-1"), document)


# Suppliers


async def test_a_supplier_that_exists_is_used_and_nothing_is_written() -> None:
    similar = a_contact(id="similar", name="Office Supplies Ltd.")
    left = a_contact(id="left", is_active=False)
    practice = Practice(contacts=sage_page(similar, left, a_contact()))
    assert await practice.sage.ensure_supplier(BUSINESS_ACCESS, "office supplies ltd", "key") == "c" * 32
    assert [call.method for call in practice.calls] == ["GET"]


async def test_a_supplier_that_is_missing_is_created_once_for_one_key() -> None:
    practice = Practice(contacts=[sage_page(), created("new")])
    assert await practice.sage.ensure_supplier(BUSINESS_ACCESS, "Office Supplies Ltd", "key") == "new"
    sent = practice.sent()["contact"]
    assert (sent["name"], sent["contact_type_ids"]) == ("Office Supplies Ltd", ["VENDOR"])
    assert sent["idempotency_id"] == hashlib.sha256(b"key").hexdigest()[:32]


# Lists


async def test_contacts_changed_since_a_time_are_not_the_whole_list() -> None:
    practice = Practice(contacts=sage_page(a_contact()))
    reading = await practice.sage.read_list(
        BUSINESS_ACCESS, ListName.CUSTOMERS, datetime(2026, 10, 31, 12, 30, tzinfo=UTC)
    )
    asked = practice.calls[0].url.params
    assert (asked["updated_or_created_since"], asked["contact_type_id"]) == ("2026-10-31T12:30:00Z", "CUSTOMER")
    assert not reading.is_full


async def test_a_contact_that_was_deleted_or_left_is_not_in_use() -> None:
    deleted = a_contact(id="1", deleted_at="2026-11-01T00:00:00Z")
    left = a_contact(id="2", is_active=False)
    found = await read(Practice(contacts=sage_page(deleted, left, a_contact())), ListName.SUPPLIERS)
    assert [entry.active for entry in found] == [False, False, True]


async def test_the_chart_leaves_out_control_accounts_and_knows_what_is_out_of_use() -> None:
    bank = {"id": "1", "displayed_as": "Bank (1200)", "nominal_code": 1200, "is_control_account": True}
    stamps = {"id": "2", "displayed_as": "Stamps (426)", "name": "Stamps", "nominal_code": 426}
    kind = {"id": "OVERHEADS", "displayed_as": "Overheads"}
    stamps |= {"ledger_account_type": kind, "tax_rate": {"id": "GB_EXEMPT"}, "included_in_chart": False}
    [account] = await read(Practice(ledger_accounts=sage_page(bank, stamps)), ListName.ACCOUNTS)
    assert (account.external_id, account.name, account.code, account.type) == ("2", "Stamps", "426", "OVERHEADS")
    assert (account.tax_treatment, account.valid_tax_rates, account.active) == ("GB_EXEMPT", None, False)


@pytest.mark.parametrize("percentage", [b'"20.0"', b"20.0"])
async def test_a_rate_may_be_a_string_or_a_number(percentage: bytes) -> None:
    body = b'{"$next": null, "$items": [{"id": "GB_STANDARD", "displayed_as": "Standard", "percentage": %s}]}'
    practice = Practice(tax_rates=httpx2.Response(200, content=body % percentage))
    [rate] = await read(practice, ListName.TAX_RATES)
    assert (rate.external_id, rate.tax_treatment) == ("GB_STANDARD", "20.0")


async def test_categories_name_their_analysis_type_as_parent() -> None:
    practice = Practice(
        analysis_types=sage_page({"id": "t", "displayed_as": "Region"}),
        analysis_type_categories=sage_page({"id": "c", "displayed_as": "North", "analysis_type": {"id": "t"}}),
    )
    found = await read(practice, ListName.TRACKING)
    assert [(one.external_id, one.parent_id, one.type) for one in found] == [
        ("t", None, "category"),
        ("c", "t", "option"),
    ]


@pytest.mark.parametrize(("settings", "currency"), [({"base_currency": {"id": "GBP"}}, "GBP"), ({}, None)])
async def test_the_business_says_its_currency_where_sage_does(settings: dict[str, Any], currency: str | None) -> None:
    practice = Practice(businesses=ok({"id": BUSINESS, "displayed_as": "Demo"}), financial_settings=ok(settings))
    [entry] = await read(practice, ListName.ORGANISATION)
    assert (entry.name, entry.code) == ("Demo", currency)


async def test_a_list_that_sage_has_not_is_a_mistake_of_ours() -> None:
    with pytest.raises(ListNotOffered):
        await read(Practice(), ListName.PROJECTS)


async def test_a_list_that_is_no_list_is_like_no_answer() -> None:
    with pytest.raises(ProviderUnavailable, match="malformed"):
        await read(Practice(contacts=ok({"items": []})), ListName.SUPPLIERS)
