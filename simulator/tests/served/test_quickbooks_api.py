"""Practice QuickBooks' data service: queries, bills, names, files, faults."""

import json

import pytest
from build_simulator import a_quickbooks_bill

from simulator.testing import OTHER_REALM, REALM, Api, Practice


@pytest.fixture
def quickbooks(practice: Practice) -> Api:
    return practice.quickbooks()


def fault(answer) -> tuple[int, str, str]:
    error = answer.json()["Fault"]["Error"][0]
    return answer.status_code, error["code"], error["element"]


def post_bill(quickbooks: Api, *, params: dict[str, str] | None = None, **changes):
    return quickbooks.post("/bill", json=a_quickbooks_bill(**changes), params=params)


def a_line(amount=10, **detail) -> dict:
    inner = {"AccountRef": {"value": "60"}, **detail}
    return {"DetailType": "AccountBasedExpenseLineDetail", "Amount": amount, "AccountBasedExpenseLineDetail": inner}


# The gateway


def test_every_answer_has_a_trace_id(quickbooks: Api) -> None:
    assert quickbooks.query("SELECT * FROM Term").headers["intuit_tid"]


def test_a_short_token_is_malformed(practice: Practice) -> None:
    answer = practice.get(f"/quickbooks/v3/company/{REALM}/preferences", headers={"authorization": "Bearer abc"})
    assert answer.status_code == 401
    assert answer.json()["fault"]["error"][0]["detail"] == "Malformed bearer token: too short or too long"


def test_another_company_is_403_with_a_lower_case_fault(practice: Practice, quickbooks: Api) -> None:
    answer = practice.get(f"/quickbooks/v3/company/{OTHER_REALM}/preferences", headers=quickbooks.headers)
    error = answer.json()["fault"]["error"][0]
    assert (answer.status_code, error["code"], answer.json()["fault"]["type"]) == (403, "3100", "SERVICE")
    assert error["message"] == "message=AuthorizationFailed; errorCode=003100; statusCode=403"


def test_a_withdrawn_consent_ends_access_and_refresh(practice: Practice) -> None:
    tokens = practice.connected("quickbooks", REALM)
    practice.withdraw("quickbooks", REALM)
    url = f"/quickbooks/v3/company/{REALM}/preferences"
    assert practice.get(url, headers={"authorization": f"Bearer {tokens['access_token']}"}).status_code == 401
    assert practice.refresh("quickbooks", tokens["refresh_token"]).json()["error"] == "invalid_grant"


# Reading


def test_lists_are_large_enough_and_page(quickbooks: Api) -> None:
    def count(entity: str) -> int:
        return quickbooks.query(f"SELECT COUNT(*) FROM {entity}").json()["QueryResponse"]["totalCount"]

    assert count("Account") >= 100
    assert count("Vendor") + count("Customer") >= 500
    page = quickbooks.query("SELECT * FROM Vendor STARTPOSITION 101 MAXRESULTS 50").json()["QueryResponse"]
    assert (page["startPosition"], page["maxResults"], len(page["Vendor"])) == (101, 50, 50)
    assert len(quickbooks.query("SELECT * FROM Vendor").json()["QueryResponse"]["Vendor"]) == 100


def test_an_empty_result_is_an_empty_object(quickbooks: Api) -> None:
    assert quickbooks.query("SELECT * FROM Bill").json()["QueryResponse"] == {}


def test_a_statement_is_taken_as_the_body_of_a_post_too(quickbooks: Api) -> None:
    answer = quickbooks.post("/query", content="SELECT Name FROM TaxCode", headers={"content-type": "application/text"})
    assert answer.json()["QueryResponse"]["TaxCode"][0] == {"Name": "20.0% S"}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT * FROM Moon", "4000"),
        ("SELECT * FROM Bill WHERE A = 'x' OR B = 'y'", "4000"),
        ("SELECT * FROM Bill WHERE PrivateNote = 'itm_1/1'", "4001"),
    ],
)
def test_a_bad_query_is_a_fault(quickbooks: Api, statement: str, code: str) -> None:
    assert fault(quickbooks.query(statement))[:2] == (400, code)


def test_single_entities_company_and_preferences_are_read(quickbooks: Api) -> None:
    assert quickbooks.get("/vendor/1").json()["Vendor"]["Id"] == "1"
    assert quickbooks.get(f"/companyinfo/{REALM}").json()["CompanyInfo"]["CompanyName"] == "Demo Trading Ltd"
    assert quickbooks.get("/preferences").json()["Preferences"]["TaxPrefs"]["UsingSalesTax"] is True
    assert fault(quickbooks.get("/vendor/99999"))[:2] == (400, "610")


def test_what_was_deleted_is_told_to_those_who_ask_for_changes(quickbooks: Api) -> None:
    bill = post_bill(quickbooks).json()["Bill"]
    quickbooks.post("/bill", json={"Id": bill["Id"], "SyncToken": "0"}, params={"operation": "delete"})
    answer = quickbooks.get("/cdc", params={"entities": "Bill", "changedSince": "2020-01-01T00:00:00Z"})
    (changed,) = answer.json()["CDCResponse"][0]["QueryResponse"][0]["Bill"]
    assert (changed["Id"], changed["status"]) == (bill["Id"], "Deleted")


# Bills


def test_a_bill_is_posted_with_totals_references_and_defaults(quickbooks: Api) -> None:
    bill = post_bill(quickbooks).json()["Bill"]
    assert (bill["TotalAmt"], bill["Balance"], bill["TxnTaxDetail"]["TotalTax"]) == (120.12, 120.12, 20.02)
    assert (bill["SyncToken"], bill["Line"][0]["LineNum"], bill["GlobalTaxCalculation"]) == ("0", 1, "TaxExcluded")
    assert bill["VendorRef"]["name"]
    assert bill["APAccountRef"]["name"] == "Accounts Payable"


def test_without_tax_codes_a_bill_has_no_tax(quickbooks: Api) -> None:
    bill = post_bill(quickbooks, Line=[a_line()]).json()["Bill"]
    assert (bill["TotalAmt"], bill["GlobalTaxCalculation"]) == (10, "NotApplicable")


@pytest.mark.parametrize(
    ("changes", "code", "element"),
    [
        ({"VendorRef": None}, "2020", "VendorRef"),
        ({"VendorRef": {"value": "99999"}}, "2500", "VendorRef"),
        ({"VendorRef": {"value": "50"}}, "610", "VendorRef"),
        ({"Line": []}, "2020", "Line"),
        ({"Line": [{"Amount": 1}]}, "2020", "DetailType"),
        ({"Line": [a_line(None)]}, "2020", "Amount"),
        ({"Line": [a_line(AccountRef={"value": "99999"})]}, "2500", "AccountRef"),
        ({"Line": [a_line(TaxCodeRef={"value": "99"})]}, "2500", "TaxCodeRef"),
        ({"Line": [a_line(TaxCodeRef={"value": "1"}), a_line()]}, "6000", ""),
        ({"DocNumber": "x" * 22}, "2050", "DocNumber"),
        ({"PrivateNote": "x" * 4001}, "2050", "PrivateNote"),
        ({"TxnDate": "soon"}, "2010", "TxnDate"),
        ({"TxnDate": "2024-12-31"}, "6210", ""),
        ({"CurrencyRef": {"value": "EUR"}}, "6000", ""),
        ({"Id": "99999", "SyncToken": "0"}, "610", ""),
    ],
)
def test_an_unsound_bill_is_a_fault_and_not_kept(
    practice: Practice, quickbooks: Api, changes: dict, code: str, element: str
) -> None:
    answer = post_bill(quickbooks, **changes)
    assert fault(answer) == (400, code, element)
    assert practice.documents("quickbooks", REALM) == []


def test_a_request_id_gives_the_original_result_again(practice: Practice, quickbooks: Api) -> None:
    first = post_bill(quickbooks, params={"requestid": "itm_1-1"})
    again = post_bill(quickbooks, params={"requestid": "itm_1-1"}, DocNumber="other")
    assert first.content == again.content
    assert len(practice.documents("quickbooks", REALM)) == 1
    assert fault(post_bill(quickbooks, params={"requestid": "x" * 51}))[:2] == (400, "2010")


def test_what_was_refused_under_a_request_id_may_be_asked_again(quickbooks: Api) -> None:
    assert post_bill(quickbooks, params={"requestid": "r"}, Line=[]).status_code == 400
    assert post_bill(quickbooks, params={"requestid": "r"}).status_code == 200


def test_a_number_may_repeat_unless_the_company_warns(practice: Practice, quickbooks: Api) -> None:
    assert [post_bill(quickbooks).status_code for _ in range(2)] == [200, 200]
    warned = practice.quickbooks(OTHER_REALM)
    account = warned.query("SELECT * FROM Account WHERE AccountType = 'Expense'").json()["QueryResponse"]["Account"][0]
    lines = [a_line(AccountRef={"value": account["Id"]})]
    first = post_bill(warned, Line=lines).json()["Bill"]
    answer = post_bill(warned, Line=lines)
    assert fault(answer) == (400, "6140", "DocNumber")
    assert f"TxnId={first['Id']}" in answer.json()["Fault"]["Error"][0]["Detail"]
    assert post_bill(warned, Line=lines, params={"include": "allowduplicatedocnum"}).status_code == 200


def test_an_update_needs_the_current_sync_token(quickbooks: Api) -> None:
    bill = post_bill(quickbooks).json()["Bill"]
    changed = post_bill(quickbooks, Id=bill["Id"], SyncToken=0, DocNumber="R-2").json()["Bill"]
    assert (changed["SyncToken"], changed["DocNumber"], changed["Id"]) == ("1", "R-2", bill["Id"])
    assert fault(post_bill(quickbooks, Id=bill["Id"], SyncToken="0"))[:2] == (400, "5010")


def test_a_full_update_forgets_what_it_leaves_out_and_a_sparse_one_keeps_it(quickbooks: Api) -> None:
    bill = post_bill(quickbooks).json()["Bill"]
    sparse = {"Id": bill["Id"], "SyncToken": "0", "sparse": True, "DocNumber": "R-2"}
    kept = quickbooks.post("/bill", json=sparse).json()["Bill"]
    assert (kept["PrivateNote"], kept["DocNumber"]) == ("itm_1/1", "R-2")
    full = a_quickbooks_bill(Id=bill["Id"], SyncToken="1")
    del full["PrivateNote"]
    assert "PrivateNote" not in quickbooks.post("/bill", json=full).json()["Bill"]


def test_voiding_a_bill_is_a_fault_under_status_200(quickbooks: Api) -> None:
    bill = post_bill(quickbooks).json()["Bill"]
    body = {"Id": bill["Id"], "SyncToken": "0"}
    answer = quickbooks.post("/bill", json=body, params={"operation": "void"})
    assert (answer.status_code, answer.json()["Fault"]["type"]) == (200, "SystemFault")


# Names


def test_a_name_is_unique_over_vendors_customers_and_employees(quickbooks: Api) -> None:
    vendor = quickbooks.get("/vendor/1").json()["Vendor"]
    customer = quickbooks.get("/customer/1").json()["Customer"]
    same_kind = quickbooks.post("/vendor", json={"DisplayName": vendor["DisplayName"].upper()})
    other_kind = quickbooks.post("/vendor", json={"DisplayName": customer["DisplayName"]})
    assert fault(same_kind)[:2] == fault(other_kind)[:2] == (400, "6240")
    assert "Id=1" in same_kind.json()["Fault"]["Error"][0]["Detail"]
    assert "Another customer, vendor or employee" in other_kind.json()["Fault"]["Error"][0]["Detail"]


@pytest.mark.parametrize(("name", "code"), [("", "2020"), ("a:b", "2010"), ("x" * 501, "2050")])
def test_a_name_has_its_rules(quickbooks: Api, name: str, code: str) -> None:
    assert fault(quickbooks.post("/vendor", json={"DisplayName": name}))[:2] == (400, code)


def test_an_inactive_vendor_gives_its_name_free(quickbooks: Api) -> None:
    vendor = quickbooks.post("/vendor", json={"DisplayName": "Newcomer"}).json()["Vendor"]
    sparse = {"Id": vendor["Id"], "SyncToken": "0", "sparse": True, "Active": False}
    assert quickbooks.post("/vendor", json=sparse).json()["Vendor"]["DisplayName"] == "Newcomer (deleted)"
    assert quickbooks.post("/vendor", json={"DisplayName": "Newcomer"}).status_code == 200


# Files


def upload(quickbooks: Api, bill_id: str, content: bytes = b"%PDF\r\n--x"):
    reference = {"EntityRef": {"type": "Bill", "value": bill_id}, "IncludeOnSend": False}
    metadata = {"AttachableRef": [reference], "FileName": "a.pdf", "ContentType": "application/pdf"}
    files = {
        "file_metadata_01": ("m.json", json.dumps(metadata).encode(), "application/json"),
        "file_content_01": ("a.pdf", content, "application/pdf"),
    }
    return quickbooks.post("/upload", files=files)


def test_an_uploaded_file_hangs_on_its_bill_and_can_be_fetched(practice: Practice, quickbooks: Api) -> None:
    bill = post_bill(quickbooks).json()["Bill"]
    (uploaded,) = upload(quickbooks, bill["Id"]).json()["AttachableResponse"]
    attachable = uploaded["Attachable"]
    assert (attachable["FileName"], attachable["Size"]) == ("a.pdf", 9)
    address = quickbooks.get(f"/download/{attachable['Id']}").text
    assert practice.http.get(address).content == b"%PDF\r\n--x"
    where = f"AttachableRef.EntityRef.Type = 'Bill' AND AttachableRef.EntityRef.value = '{bill['Id']}'"
    found = quickbooks.query(f"SELECT * FROM Attachable WHERE {where}").json()["QueryResponse"]["Attachable"]
    assert [one["Id"] for one in found] == [attachable["Id"]]


def test_a_file_for_an_unknown_bill_has_a_fault_in_its_place(quickbooks: Api) -> None:
    answer = upload(quickbooks, "99999")
    assert answer.status_code == 200
    assert answer.json()["AttachableResponse"][0]["Fault"]["Error"][0]["code"] == "2500"


def test_a_note_is_an_attachable_without_a_file(quickbooks: Api) -> None:
    note = quickbooks.post("/attachable", json={"Note": "paid by hand"}).json()["Attachable"]
    assert note["Note"] == "paid by hand"
    assert fault(quickbooks.post("/attachable", json={}))[:2] == (400, "2020")
