"""Practice Xero's accounting API: what is refused how, and what a bill becomes."""

import pytest
from build_simulator import a_supplier, a_xero_bill

from simulator.testing import OTHER_XERO_ORGANISATION, XERO_ORGANISATION, Api, Practice


@pytest.fixture
def xero(practice: Practice) -> Api:
    return practice.xero()


def put_bill(xero: Api, *, headers: dict[str, str] | None = None, **changes):
    bill = a_xero_bill(a_supplier(xero)["ContactID"], **changes)
    return xero.put("/Invoices", json={"Invoices": [bill]}, headers=headers)


def messages(answer) -> list[str]:
    (element,) = answer.json()["Elements"]
    return [error["Message"] for error in element["ValidationErrors"]]


def a_line(**changes) -> dict:
    return {"Description": "Paper", "Quantity": 1, "UnitAmount": 10, "AccountCode": "429", **changes}


# The gateway


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer nonsense", "Basic abc"])
def test_a_call_without_a_good_token_is_401(practice: Practice, token: str) -> None:
    answer = practice.get("/xero/api.xro/2.0/Accounts", headers={"authorization": token})
    assert answer.status_code == 401
    assert (answer.json()["Title"], answer.json()["Detail"]) == ("Unauthorized", "AuthenticationUnsuccessful")
    assert {"Type", "Title", "Status", "Detail", "Instance", "Extensions"} == set(answer.json())


@pytest.mark.parametrize("organisation", ["", OTHER_XERO_ORGANISATION, "nonsense"])
def test_an_organisation_that_is_missing_or_not_connected_is_403(xero: Api, organisation: str) -> None:
    answer = xero.get("/Accounts", headers={"xero-tenant-id": organisation})
    assert (answer.status_code, answer.json()["Detail"]) == (403, "AuthenticationUnsuccessful")


def test_a_missing_scope_is_401_authorization_unsuccessful(practice: Practice) -> None:
    xero = practice.xero(scenario="scope_missing")
    assert xero.get("/Contacts").status_code == 200
    answer = xero.get("/Invoices")
    assert (answer.status_code, answer.json()["Detail"]) == (401, "AuthorizationUnsuccessful")


def test_a_reading_scope_does_not_write(practice: Practice) -> None:
    xero = practice.xero(scope="openid accounting.contacts.read")
    assert xero.get("/Contacts").status_code == 200
    assert xero.put("/Contacts", json={"Name": "Newcomer"}).status_code == 401


def test_a_client_that_does_not_ask_for_json_gets_xml(xero: Api) -> None:
    answer = xero.get("/Organisation", headers={"accept": "*/*"})
    assert answer.headers["content-type"].startswith("text/xml")
    assert "<Name>Demo Trading Ltd</Name>" in answer.text


def test_an_unknown_bill_is_told_in_plain_text(xero: Api) -> None:
    answer = xero.get("/Invoices/00000000-0000-0000-0000-000000000000")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")


def test_disconnecting_an_organisation_makes_it_403_and_its_connection_unknown(practice: Practice, xero: Api) -> None:
    bearer = {"authorization": xero.headers["authorization"]}
    (connection,) = practice.get("/xero/Connections", headers=bearer).json()
    url = f"{practice.url}/xero/Connections/{connection['id']}"
    assert practice.http.delete(url, headers=bearer).status_code == 204
    assert practice.http.delete(url, headers=bearer).status_code == 404
    assert xero.get("/Accounts").status_code == 403


# Bills


def test_a_bill_becomes_an_invoice_with_totals_and_both_forms_of_its_dates(xero: Api) -> None:
    answer = put_bill(xero)
    assert answer.status_code == 200
    (bill,) = answer.json()["Invoices"]
    assert (bill["SubTotal"], bill["TotalTax"], bill["Total"], bill["AmountDue"]) == (21, 4.2, 25.2, 25.2)
    assert (bill["Date"], bill["DateString"]) == ("/Date(1793491200000+0000)/", "2026-11-01T00:00:00")
    assert bill["HasErrors"] is False
    assert bill["LineItems"][0]["LineItemID"]


@pytest.mark.parametrize("form", ["2026-11-01", "/Date(1793491200000)/", "/Date(1793491200000+0000)/"])
def test_dates_are_taken_in_each_form(xero: Api, form: str) -> None:
    assert put_bill(xero, Date=form).json()["Invoices"][0]["DateString"] == "2026-11-01T00:00:00"


@pytest.mark.parametrize(
    ("amounts", "totals"), [("Exclusive", (100, 20, 120)), ("Inclusive", (83.33, 16.67, 100)), ("NoTax", (100, 0, 100))]
)
def test_tax_is_reckoned_as_the_line_amounts_say(xero: Api, amounts: str, totals: tuple) -> None:
    line = a_line(UnitAmount=100, TaxType="INPUT2")
    (bill,) = put_bill(xero, LineAmountTypes=amounts, LineItems=[line]).json()["Invoices"]
    assert (bill["SubTotal"], bill["TotalTax"], bill["Total"]) == totals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"LineItems": [a_line(AccountCode="999")]}, "Account code '999' is not a valid code for this document."),
        ({"LineItems": [a_line(AccountCode="426")]}, "Account code '426' has been archived"),
        ({"LineItems": [a_line(TaxType="OUTPUT2")]}, "The TaxType code 'OUTPUT2' cannot be used with"),
        ({"LineItems": [a_line(TaxType="MOON")]}, "The TaxType code 'MOON' does not exist"),
        ({"LineItems": [a_line(LineAmount=11)]}, "The line total 11.00 does not match"),
        ({"LineItems": [a_line(Description="")]}, "Description must be specified"),
        ({"LineItems": [a_line(Tracking=[{"Name": "Region", "Option": "Moon"}])]}, "The tracking category or option"),
        ({"LineItems": []}, "One or more line items must be specified"),
        ({"Date": "2024-12-31"}, "The document date cannot be before the period lock date, currently"),
        ({"CurrencyCode": "CHF"}, "Organisation is not subscribed to currency CHF"),
        ({"DueDate": None}, "The DueDate must be specified"),
        ({"Contact": {"ContactID": "nobody"}}, "The Contact is not valid"),
        ({"Status": "VOIDED"}, "A document cannot be created with status VOIDED"),
    ],
)
def test_an_unsound_bill_is_refused_with_its_message_and_not_kept(
    practice: Practice, xero: Api, changes: dict, message: str
) -> None:
    answer = put_bill(xero, **changes)
    assert (answer.status_code, answer.json()["ErrorNumber"], answer.json()["Type"]) == (400, 10, "ValidationException")
    assert any(one.startswith(message) for one in messages(answer)), messages(answer)
    assert practice.documents("xero", XERO_ORGANISATION) == []


def test_a_bill_for_an_archived_contact_is_refused(xero: Api) -> None:
    contacts = xero.get("/Contacts", params={"includeArchived": "true", "page": "1", "pageSize": "1000"}).json()
    archived = next(one for one in contacts["Contacts"] if one["ContactStatus"] == "ARCHIVED")
    answer = put_bill(xero, Contact={"ContactID": archived["ContactID"]})
    assert any("archived" in message for message in messages(answer))


def test_a_draft_needs_no_account_and_no_due_date(xero: Api) -> None:
    answer = put_bill(xero, Status="DRAFT", DueDate=None, LineItems=[{"Description": "Something"}])
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "body", [b"not json", b"[]", b'{"Invoices":"x"}', b'{"Type":"MOON"}', b'{"Type":"ACCPAY","Date":"soon"}']
)
def test_a_malformed_body_has_no_elements(xero: Api, body: bytes) -> None:
    answer = xero.put("/Invoices", content=body)
    assert answer.status_code == 400
    assert (answer.json()["ErrorNumber"], answer.json()["Type"]) == (14, "PostDataInvalidException")
    assert "Elements" not in answer.json()


def test_summarize_errors_decides_whether_the_sound_ones_of_a_batch_are_kept(practice: Practice, xero: Api) -> None:
    contact_id = a_supplier(xero)["ContactID"]
    batch = {"Invoices": [a_xero_bill(contact_id), a_xero_bill(contact_id, CurrencyCode="CHF")]}
    refused = xero.put("/Invoices", json=batch, params={"summarizeErrors": "true"})
    assert (refused.status_code, len(refused.json()["Elements"])) == (400, 1)
    assert practice.documents("xero", XERO_ORGANISATION) == []
    mixed = xero.put("/Invoices", json=batch, params={"summarizeErrors": "false"})
    assert mixed.status_code == 200
    assert [one["StatusAttributeString"] for one in mixed.json()["Invoices"]] == ["OK", "ERROR"]
    assert len(practice.documents("xero", XERO_ORGANISATION)) == 1


def test_a_bill_number_may_repeat_and_a_sales_number_may_not(xero: Api) -> None:
    assert [put_bill(xero).status_code for _ in range(2)] == [200, 200]
    sale = {"Type": "ACCREC", "LineItems": [a_line(AccountCode="200", TaxType="OUTPUT2")], "InvoiceNumber": "S-1"}
    assert put_bill(xero, **sale).status_code == 200
    assert messages(put_bill(xero, **sale)) == ["Invoice # must be unique."]


def test_a_reference_is_kept_on_sales_only_and_a_url_on_both(xero: Api) -> None:
    (bill,) = put_bill(xero, Reference="itm_1/1", Url="https://relink.example/itm_1/1").json()["Invoices"]
    assert "Reference" not in bill
    assert bill["Url"] == "https://relink.example/itm_1/1"


def test_bills_are_found_by_number_contact_and_status(xero: Api) -> None:
    put_bill(xero)
    put_bill(xero, InvoiceNumber="R-2", Status="DRAFT")
    contact_id = a_supplier(xero)["ContactID"]
    for query, numbers in (
        ({"InvoiceNumbers": "R-1,R-9"}, ["R-1"]),
        ({"ContactIDs": contact_id}, ["R-1", "R-2"]),
        ({"ContactIDs": "nobody"}, []),
        ({"Statuses": "DRAFT"}, ["R-2"]),
        ({"where": 'Type=="ACCPAY" AND InvoiceNumber=="R-2"'}, ["R-2"]),
    ):
        found = xero.get("/Invoices", params={**query, "page": "1"}).json()
        assert [one["InvoiceNumber"] for one in found["Invoices"]] == numbers
        assert found["pagination"]["itemCount"] == len(numbers)


def test_without_a_page_bills_are_summaries_and_a_single_one_has_its_lines(xero: Api) -> None:
    invoice_id = put_bill(xero).json()["Invoices"][0]["InvoiceID"]
    assert "LineItems" not in xero.get("/Invoices").json()["Invoices"][0]
    assert xero.get(f"/Invoices/{invoice_id}").json()["Invoices"][0]["LineItems"]


def test_a_bill_moves_only_along_its_states(xero: Api) -> None:
    invoice_id = put_bill(xero).json()["Invoices"][0]["InvoiceID"]
    refused = xero.post(f"/Invoices/{invoice_id}", json={"Status": "DRAFT"})
    assert refused.status_code == 400
    voided = xero.post(f"/Invoices/{invoice_id}", json={"InvoiceID": invoice_id, "Status": "VOIDED"})
    assert voided.json()["Invoices"][0]["Status"] == "VOIDED"


def test_the_first_bill_makes_a_contact_a_supplier_without_moving_its_update_time(xero: Api) -> None:
    customer = next(
        one
        for one in xero.get("/Contacts", params={"page": "4", "pageSize": "100"}).json()["Contacts"]
        if not one["IsSupplier"]
    )
    put_bill(xero, Contact={"ContactID": customer["ContactID"]})
    (after,) = xero.get(f"/Contacts/{customer['ContactID']}").json()["Contacts"]
    assert after["IsSupplier"] is True
    assert after["UpdatedDateUTC"] == customer["UpdatedDateUTC"]


# Idempotency


def test_a_key_replays_the_first_answer_for_six_minutes_errors_included(practice: Practice, xero: Api) -> None:
    contact_id = a_supplier(xero)["ContactID"]
    body = {"Invoices": [a_xero_bill(contact_id)]}
    key = {"Idempotency-Key": "itm_1/1/abc"}
    first, again = (xero.put("/Invoices", json=body, headers=key) for _ in range(2))
    assert first.content == again.content
    assert len(practice.documents("xero", XERO_ORGANISATION)) == 1
    wrong = {"Invoices": [a_xero_bill("nobody")]}
    refused, repeated = (xero.put("/Invoices", json=wrong, headers={"Idempotency-Key": "k2"}) for _ in range(2))
    assert refused.content == repeated.content
    assert refused.status_code == 400


def test_a_key_with_another_request_is_refused(xero: Api) -> None:
    key = {"Idempotency-Key": "itm_1/1/abc"}
    put_bill(xero, headers=key)
    answer = put_bill(xero, headers=key, InvoiceNumber="R-2")
    assert answer.status_code == 400
    assert answer.json()["Message"] == "Idempotency Key: itm_1/1/abc is used with a different request."


def test_a_key_is_kept_on_the_system_clock_not_the_domain_s(practice: Practice, xero: Api) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"Invoices": [a_xero_bill(a_supplier(xero)["ContactID"])]}
    first = xero.put("/Invoices", json=body, headers=key)
    practice.move(10 * 60)
    assert xero.put("/Invoices", json=body, headers=key).content == first.content


# Contacts


def test_put_refuses_a_name_that_exists_and_post_updates_it(xero: Api) -> None:
    contact = a_supplier(xero)
    taken = xero.put("/Contacts", json={"Contacts": [{"Name": contact["Name"].upper()}]})
    assert taken.status_code == 400
    assert "is already assigned to another contact" in messages(taken)[0]
    updated = xero.post("/Contacts", json={"Name": contact["Name"], "EmailAddress": "new@mail.example"})
    assert updated.json()["Contacts"][0]["ContactID"] == contact["ContactID"]
    assert updated.json()["Contacts"][0]["EmailAddress"] == "new@mail.example"


def test_a_contact_needs_a_name_and_a_valid_address(xero: Api) -> None:
    assert xero.put("/Contacts", json={"Contacts": [{"EmailAddress": "a@b.example"}]}).status_code == 400
    answer = xero.put("/Contacts", json={"Name": "Newcomer", "EmailAddress": "nonsense"})
    assert messages(answer) == ["Email address must be valid."]


def test_two_contacts_of_one_call_cannot_both_take_a_name(xero: Api) -> None:
    twice = {"Contacts": [{"Name": "Newcomer"}, {"Name": "newcomer"}]}
    answer = xero.put("/Contacts", json=twice, params={"summarizeErrors": "false"})
    assert [one["StatusAttributeString"] for one in answer.json()["Contacts"]] == ["OK", "ERROR"]


def test_contacts_are_found_by_name_address_and_search_term(xero: Api) -> None:
    contact = a_supplier(xero)
    for query in (
        {"where": f'Name=="{contact["Name"]}"'},
        {"where": f'EmailAddress=="{contact["EmailAddress"]}"'},
        {"searchTerm": contact["Name"].lower()},
        {"IDs": contact["ContactID"]},
    ):
        found = xero.get("/Contacts", params=query).json()["Contacts"]
        assert contact["ContactID"] in [one["ContactID"] for one in found]
        assert len(found) < 10


def test_archived_contacts_are_listed_only_when_asked_for(xero: Api) -> None:
    def count(**query: str) -> int:
        answer = xero.get("/Contacts", params={"page": "1", "pageSize": "1000", **query}).json()
        return answer["pagination"]["itemCount"]

    assert count(includeArchived="true") - count() == 10


def test_only_what_changed_since_is_read(practice: Practice, xero: Api) -> None:
    practice.move(60)
    since = xero.put("/Contacts", json={"Name": "Newcomer"}).json()["DateTimeUTC"]
    assert since.endswith("+0000)/")
    header = practice.get("/sim/health").json()["now"][:17] + "00"
    found = xero.get("/Contacts", headers={"If-Modified-Since": header}).json()["Contacts"]
    assert [one["Name"] for one in found] == ["Newcomer"]


# Files


def attach(xero: Api, invoice_id: str, name: str, content: bytes = b"%PDF"):
    headers = {"content-type": "application/pdf"}
    return xero.put(f"/Invoices/{invoice_id}/Attachments/{name}", content=content, headers=headers)


def test_a_file_of_the_same_name_replaces_the_earlier_one(practice: Practice, xero: Api) -> None:
    invoice_id = put_bill(xero).json()["Invoices"][0]["InvoiceID"]
    first = attach(xero, invoice_id, "bill%201.pdf").json()["Attachments"][0]
    second = attach(xero, invoice_id, "bill%201.pdf", b"%PDF-2").json()["Attachments"][0]
    assert (second["AttachmentID"], second["FileName"]) == (first["AttachmentID"], "bill 1.pdf")
    assert xero.get(f"/Invoices/{invoice_id}/Attachments").json()["Attachments"] == [second]
    assert xero.get(f"/Invoices/{invoice_id}/Attachments/bill%201.pdf").content == b"%PDF-2"
    (document,) = practice.documents("xero", XERO_ORGANISATION)
    assert [file["size"] for file in document["attachments"]] == [6]
    assert xero.get(f"/Invoices/{invoice_id}").json()["Invoices"][0]["HasAttachments"] is True


def test_a_bill_takes_ten_files_with_plain_names(xero: Api) -> None:
    invoice_id = put_bill(xero).json()["Invoices"][0]["InvoiceID"]
    assert [attach(xero, invoice_id, f"{number}.pdf").status_code for number in range(11)] == [200] * 10 + [400]
    assert attach(xero, invoice_id, "a%3Ab.pdf").status_code == 400
    assert attach(xero, "nothing", "a.pdf").status_code == 404


def test_a_note_is_kept_with_the_bill(practice: Practice, xero: Api) -> None:
    invoice_id = put_bill(xero).json()["Invoices"][0]["InvoiceID"]
    body = {"HistoryRecords": [{"Details": "from Relink"}]}
    assert xero.put(f"/Invoices/{invoice_id}/History", json=body).status_code == 200
    assert xero.get(f"/Invoices/{invoice_id}/History").json()["HistoryRecords"][0]["Details"] == "from Relink"
    assert practice.documents("xero", XERO_ORGANISATION)[0]["notes"] == ["from Relink"]
