"""Practice FreeAgent's API: company, categories, contacts, bills with their file, refusals."""

import base64
from typing import Any

import pytest
from build_simulator import a_freeagent_bill

from simulator.testing import FREEAGENT_COMPANY, Api, Practice

PDF = {"data": base64.b64encode(b"%PDF").decode(), "file_name": "a.pdf", "content_type": "application/x-pdf"}


@pytest.fixture
def freeagent(practice: Practice) -> Api:
    return practice.freeagent()


def message(answer) -> str:
    return answer.json()["errors"]["error"]["message"]


def post(freeagent: Api, **changes: Any):
    return freeagent.post("/bills", json=a_freeagent_bill(freeagent, **changes))


def items(freeagent: Api, **changes: Any) -> list[dict]:
    [item] = a_freeagent_bill(freeagent)["bill"]["bill_items"]
    return [{name: value for name, value in {**item, **changes}.items() if value is not None}]


# The gateway


def test_a_call_must_say_whose_it_is(freeagent: Api) -> None:
    assert freeagent.get("/company", headers={"user-agent": ""}).status_code == 400


def test_a_token_that_is_none_is_refused(freeagent: Api) -> None:
    answer = freeagent.get("/company", headers={"authorization": "Bearer moon"})
    assert (answer.status_code, message(answer)) == (401, "Access token not recognised")


def test_the_journal_knows_the_company_that_no_call_names(practice: Practice, freeagent: Api) -> None:
    freeagent.get("/company")
    assert practice.journal()[-1]["organisation"] == FREEAGENT_COMPANY


def test_a_hundred_and_twenty_calls_a_minute_are_taken(strict_practice: Practice) -> None:
    freeagent = strict_practice.freeagent()
    answers = [freeagent.get("/users/me") for _ in range(121)]
    assert [answer.status_code for answer in answers] == [200] * 120 + [429]
    assert answers[120].text == "You must not exceed 120 requests per 60 seconds"
    assert 0 < int(answers[120].headers["Retry-After"]) <= 60


# Reading


def test_everything_is_named_by_its_address(freeagent: Api) -> None:
    [first, *_] = freeagent.get("/contacts").json()["contacts"]
    assert first["url"] == f"{freeagent.url}/contacts/1"
    assert freeagent.get("/contacts/1").json() == {"contact": first}


def test_pages_link_to_their_neighbours(freeagent: Api) -> None:
    answer = freeagent.get("/contacts", params={"view": "all", "per_page": "100", "page": "2"})
    assert answer.headers["X-Total-Count"] == "520"
    assert len(answer.json()["contacts"]) == 100
    assert {name: link["url"].split("?")[1] for name, link in answer.links.items()} == {
        "prev": "view=all&page=1&per_page=100",
        "next": "view=all&page=3&per_page=100",
        "first": "view=all&page=1&per_page=100",
        "last": "view=all&page=6&per_page=100",
    }
    last = freeagent.get("/contacts", params={"view": "all", "per_page": "100", "page": "6"})
    assert "next" not in last.links
    assert len(freeagent.get("/contacts").json()["contacts"]) == 25


def test_views_choose_among_contacts(freeagent: Api) -> None:
    def count(view: str) -> int:
        return int(freeagent.get("/contacts", params={"view": view}).headers["X-Total-Count"])

    assert count("all") == count("active") + count("hidden") == count("clients") + count("suppliers")
    assert freeagent.get("/contacts", params={"view": "moon"}).status_code == 400


def test_categories_come_in_groups_and_in_one_piece(freeagent: Api) -> None:
    groups = freeagent.get("/categories").json()
    assert sum(len(group) for group in groups.values()) >= 100
    assert {"url", "description", "nominal_code", "auto_sales_tax_rate"} <= groups["admin_expenses_categories"][
        0
    ].keys()


def test_contacts_changed_since_a_moment(freeagent: Api) -> None:
    answer = freeagent.get("/contacts", params={"updated_since": "2099-01-01T00:00:00Z"})
    assert answer.json()["contacts"] == []


# Writing


def test_a_bill_is_answered_with_its_address_and_its_totals_as_strings(freeagent: Api) -> None:
    answer = post(freeagent)
    bill = answer.json()["bill"]
    assert (answer.status_code, answer.headers["Location"]) == (201, bill["url"])
    assert (bill["total_value"], bill["due_value"], bill["status"]) == ("120.12", "120.12", "Open")
    assert (bill["sales_tax_value"], bill["net_value"]) == ("-20.02", "-100.10")


def test_a_bill_of_amounts_with_tax_contains_the_tax(freeagent: Api) -> None:
    with_tax = items(freeagent, total_value_ex_tax=None, total_value="120.12")
    bill = post(freeagent, bill_items=with_tax).json()["bill"]
    assert (bill["total_value"], bill["sales_tax_value"]) == ("120.12", "-20.02")


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({"sales_tax_rate": None}, "120.12"),
        ({"sales_tax_rate": "Auto"}, "120.12"),
        ({"sales_tax_rate": "0.0"}, "100.10"),
        ({"sales_tax_rate": None, "sales_tax_status": "EXEMPT"}, "100.10"),
    ],
)
def test_a_line_takes_its_own_rate_or_the_category_s(freeagent: Api, changes: dict, total: str) -> None:
    assert post(freeagent, bill_items=items(freeagent, **changes)).json()["bill"]["total_value"] == total


def test_the_same_bill_sent_twice_is_there_twice(practice: Practice, freeagent: Api) -> None:
    assert [post(freeagent).status_code for _ in range(2)] == [201, 201]
    assert len(practice.documents("freeagent", FREEAGENT_COMPANY)) == 2


def test_bills_are_found_by_their_date(freeagent: Api) -> None:
    for day in ("2026-11-01", "2026-11-02"):
        post(freeagent, dated_on=day)
    found = freeagent.get("/bills", params={"from_date": "2026-11-02", "to_date": "2026-11-02"}).json()["bills"]
    assert [one["dated_on"] for one in found] == ["2026-11-02"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"contact": "http://elsewhere/contacts/0"}, "Contact"),
        ({"reference": ""}, "reference"),
        ({"due_on": None}, "due_on"),
        ({"dated_on": "2024-12-31"}, "locked"),
        ({"currency": "XOF"}, "Currency"),
        ({"bill_items": []}, "Bill items"),
        ({"attachment": {**PDF, "content_type": "application/pdf"}}, "content type"),
    ],
)
def test_a_bill_that_does_not_fit_is_refused_with_a_sentence(freeagent: Api, changes: dict, word: str) -> None:
    answer = post(freeagent, **changes)
    assert answer.status_code == 422
    assert word in message(answer)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"category": "http://elsewhere/categories/99999"}, "Category"),
        ({"sales_tax_rate": "17.5"}, "Sales tax rate"),
        ({"total_value_ex_tax": "much"}, "Total value"),
    ],
)
def test_an_item_that_does_not_fit_is_refused_with_a_sentence(freeagent: Api, changes: dict, word: str) -> None:
    answer = post(freeagent, bill_items=items(freeagent, **changes))
    assert answer.status_code == 422
    assert word in message(answer)


def test_several_problems_come_as_an_array(freeagent: Api) -> None:
    errors = post(freeagent, reference="", currency="XOF").json()["errors"]
    assert len(errors) == 2


def test_a_bill_holds_one_file(practice: Practice, freeagent: Api) -> None:
    bill = post(freeagent, attachment=PDF).json()["bill"]
    assert (bill["attachment"]["file_name"], bill["attachment"]["file_size"]) == ("a.pdf", 4)
    path = bill["url"].removeprefix(freeagent.url)
    other = PDF | {"file_name": "b.pdf", "data": base64.b64encode(b"%PDF-2").decode()}
    changed = freeagent.put(path, json={"bill": {"attachment": other}})
    assert (changed.status_code, changed.json()["bill"]["attachment"]["file_name"]) == (200, "b.pdf")
    [document] = practice.documents("freeagent", FREEAGENT_COMPANY)
    assert [(one["file_name"], one["size"]) for one in document["attachments"]] == [("b.pdf", 6)]
    file = freeagent.get(bill["attachment"]["url"].removeprefix(freeagent.url)).json()["attachment"]
    assert file["file_name"] == "b.pdf"


def test_a_first_bill_makes_a_contact_a_supplier(freeagent: Api) -> None:
    created = freeagent.post("/contacts", json={"contact": {"organisation_name": "Newcomer Ltd"}}).json()["contact"]

    def suppliers() -> list[str]:
        view = {"view": "suppliers", "per_page": "100", "page": "4"}
        return [one["organisation_name"] for one in freeagent.get("/contacts", params=view).json()["contacts"]]

    assert "Newcomer Ltd" not in suppliers()
    post(freeagent, contact=created["url"])
    assert "Newcomer Ltd" in suppliers()
