"""Practice Sage Accounting's API: businesses, lists, contacts, purchase invoices, attachments, errors.

No client library of Sage's API is to be had, so this stands for itself: it is what the fact sheet says, tried.
"""

import base64
from typing import Any

import pytest
from build_simulator import a_sage_invoice

from simulator.testing import OTHER_SAGE_BUSINESS, SAGE_BUSINESS, Api, Practice

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def sage(practice: Practice) -> Api:
    return practice.sage()


def error(answer) -> tuple[int, str, str]:
    first = answer.json()[0]
    assert first["$severity"] == "error"
    return answer.status_code, first["$dataCode"], first["$source"]


def lines(sage: Api, **changes: Any) -> list[dict]:
    [line] = a_sage_invoice(sage)["purchase_invoice"]["invoice_lines"]
    return [{**line, **changes}]


def post(sage: Api, **changes: Any):
    return sage.post("/purchase_invoices", json=a_sage_invoice(sage, **changes))


# The gateway


def test_the_business_that_answers_is_said(practice: Practice, sage: Api) -> None:
    assert sage.get("/tax_rates").headers["X-Business"] == SAGE_BUSINESS
    unnamed = practice.get("/sage/v3.1/tax_rates", headers={"authorization": sage.headers["authorization"]})
    assert unnamed.headers["X-Business"] == SAGE_BUSINESS, "the lead business"


def test_a_business_of_somebody_else_is_denied(sage: Api) -> None:
    answer = sage.get("/tax_rates", headers={"x-business": OTHER_SAGE_BUSINESS})
    assert error(answer) == (403, "MultiUserAccessDenied", "")


def test_a_login_for_reading_cannot_write(practice: Practice) -> None:
    sage = practice.sage(scope="readonly")
    assert sage.get("/contacts").status_code == 200
    assert error(sage.post("/contacts", json={"contact": {"name": "x"}}))[:2] == (403, "MultiUserAccessDenied")


def test_a_hundred_calls_a_minute_are_taken(strict_practice: Practice) -> None:
    sage = strict_practice.sage()
    answers = [sage.get("/tax_rates") for _ in range(101)]
    assert [answer.status_code for answer in answers] == [200] * 100 + [429]
    assert "Retry-After" not in answers[100].headers


# Reading


def test_items_of_a_list_are_a_name_and_an_id_unless_more_is_asked_for(sage: Api) -> None:
    [plain, *_] = sage.get("/contacts").json()["$items"]
    assert plain.keys() == {"id", "displayed_as", "$path"}
    [named, *_] = sage.get("/contacts", params={"attributes": "email,is_active"}).json()["$items"]
    assert named.keys() == {"id", "displayed_as", "$path", "email", "is_active"}
    [whole, *_] = sage.get("/contacts", params={"attributes": "all"}).json()["$items"]
    assert {"contact_types", "updated_at"} <= whole.keys()
    assert whole == sage.get(f"/contacts/{whole['id']}").json()


def test_lists_come_in_pages(sage: Api) -> None:
    first = sage.get("/contacts", params={"items_per_page": "200"}).json()
    assert (first["$total"], first["$page"], first["$itemsPerPage"], len(first["$items"])) == (520, 1, 200, 200)
    last = sage.get("/contacts", params={"items_per_page": "200", "page": "3"}).json()
    assert (len(last["$items"]), last["$next"]) == (120, None)
    assert first["$next"]
    assert len(sage.get("/contacts").json()["$items"]) == 20
    assert sage.get("/contacts", params={"items_per_page": "201"}).status_code == 400


def test_the_chart_and_the_contacts_are_as_large_as_elsewhere(sage: Api) -> None:
    assert sage.get("/ledger_accounts").json()["$total"] >= 100
    assert sage.get("/contacts", params={"contact_type_id": "VENDOR"}).json()["$total"] == 320


def test_what_changed_since_a_moment_can_be_asked_for_where_it_is_known(sage: Api) -> None:
    assert sage.get("/contacts", params={"updated_or_created_since": "2099-01-01T00:00:00Z"}).json()["$total"] == 0
    answer = sage.get("/ledger_accounts", params={"updated_or_created_since": "2099-01-01T00:00:00Z"})
    assert answer.status_code == 400


def test_a_filter_that_is_not_imitated_is_refused_rather_than_ignored(sage: Api) -> None:
    assert sage.get("/contacts", params={"moon": "full"}).status_code == 400


def test_what_is_unknown_is_not_found(sage: Api) -> None:
    assert error(sage.get("/contacts/0"))[:2] == (404, "RecordNotFound")
    assert error(sage.get("/moons"))[:2] == (404, "RecordNotFound")


# Writing


def test_a_purchase_invoice_is_answered_unwrapped_with_its_totals_as_strings(sage: Api) -> None:
    answer = post(sage)
    body = answer.json()
    assert answer.status_code == 201
    assert (body["net_amount"], body["tax_amount"], body["total_amount"]) == ("100.10", "20.02", "120.12")
    assert (body["vendor_reference"], body["notes"], body["status"]["id"]) == ("R-1", "itm_1/1", "UNPAID")
    assert sage.get(f"/purchase_invoices/{body['id']}").json() == body


def test_invoices_are_found_by_their_date(sage: Api) -> None:
    for day in ("2026-11-01", "2026-11-02"):
        post(sage, date=day)
    of_one_day = {"from_date": "2026-11-02", "to_date": "2026-11-02", "attributes": "date"}
    found = sage.get("/purchase_invoices", params=of_one_day).json()["$items"]
    assert [one["date"] for one in found] == ["2026-11-02"]


def test_an_idempotency_id_writes_once_and_belongs_to_one_resource(practice: Practice, sage: Api) -> None:
    first, again = (post(sage, idempotency_id=KEY) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert len(practice.documents("sage", SAGE_BUSINESS)) == 1
    other = post(sage, idempotency_id=KEY, vendor_reference="R-2")
    assert error(other)[:2] == (422, "IdempotencyResourceMismatch")
    assert error(post(sage, idempotency_id="short")) == (422, "RecordInvalid", "idempotency_id")


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({"contact_id": "0" * 32}, "contact_id"),
        ({"contact_id": None}, "contact_id"),
        ({"due_date": None}, "due_date"),
        ({"date": "2024-12-31"}, "date"),
        ({"date": "soon"}, "date"),
        ({"currency_id": "XOF"}, "currency_id"),
        ({"vendor_reference": "x" * 32}, "vendor_reference"),
        ({"notes": "x" * 2001}, "notes"),
        ({"invoice_lines": []}, "invoice_lines"),
    ],
)
def test_every_problem_of_an_invoice_names_its_field(sage: Api, changes: dict, source: str) -> None:
    assert error(post(sage, **changes)) == (422, "RecordInvalid", source)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ledger_account_id": "0" * 32}, "ledger_account_id"),
        ({"tax_rate_id": "MOON"}, "tax_rate_id"),
        ({"unit_price": "much"}, "unit_price"),
        ({"description": ""}, "description"),
    ],
)
def test_every_problem_of_a_line_names_its_field(sage: Api, changes: dict, field: str) -> None:
    answer = post(sage, invoice_lines=lines(sage, **changes))
    assert error(answer) == (422, "RecordInvalid", f"invoice_lines.{field}")


def test_several_problems_are_told_at_once(sage: Api) -> None:
    answer = post(sage, contact_id=None, due_date=None, currency_id="XOF")
    assert [one["$source"] for one in answer.json()] == ["contact_id", "due_date", "currency_id"]


def test_a_name_may_repeat_and_a_reference_may_not(sage: Api) -> None:
    def create(**fields: Any):
        return sage.post("/contacts", json={"contact": {"contact_type_ids": ["VENDOR"], "name": "Twin Ltd", **fields}})

    assert [create().status_code for _ in range(2)] == [201, 201]
    assert create(reference="T-1").status_code == 201
    assert error(create(reference="T-1")) == (422, "RecordInvalid", "reference")
    assert error(create(name="")) == (422, "RecordInvalid", "name")
    assert error(create(contact_type_ids=["MOON"])) == (422, "RecordInvalid", "contact_type_ids")


def test_a_file_hangs_on_its_invoice(practice: Practice, sage: Api) -> None:
    invoice_id = post(sage).json()["id"]
    place = {"attachment_context_type_id": "PURCHASE_INVOICE", "attachment_context_id": invoice_id}
    file = {"file": base64.b64encode(b"%PDF").decode(), "file_name": "a.pdf", "mime_type": "application/pdf"}
    answer = sage.post("/attachments", json={"attachment": file | place})
    assert (answer.status_code, answer.json()["file_size"]) == (201, 4)
    [listed] = sage.get("/attachments", params={**place, "attributes": "file_name,file_size"}).json()["$items"]
    assert (listed["file_name"], listed["file_size"]) == ("a.pdf", 4)
    [document] = practice.documents("sage", SAGE_BUSINESS)
    assert [one["file_name"] for one in document["attachments"]] == ["a.pdf"]


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({"file": "not base64!"}, "file"),
        ({"file": base64.b64encode(b"0" * 2_621_441).decode()}, "file_size"),
        ({"mime_type": "text/plain"}, "mime_type"),
        ({"attachment_context_id": "0" * 32}, "attachment_context_id"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(sage: Api, changes: dict, source: str) -> None:
    file = {
        "file": base64.b64encode(b"%PDF").decode(),
        "file_name": "a.pdf",
        "mime_type": "application/pdf",
        "attachment_context_type_id": "PURCHASE_INVOICE",
        "attachment_context_id": post(sage).json()["id"],
    }
    answer = sage.post("/attachments", json={"attachment": {**file, **changes}})
    assert error(answer) == (422, "RecordInvalid", source)
