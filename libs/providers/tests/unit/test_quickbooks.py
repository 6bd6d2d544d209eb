"""QuickBooks' answers in our words, and ours in QuickBooks'."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from build_providers import PDF, REALM, REALM_ACCESS, Practice, a_bill, fault, ok, rows, soon

from providers.errors import OutcomeUnknown, ProviderUnavailable, Refused, Throttled, TokenRejected
from providers.models import Line, ListName, Published

THROTTLED = "message=ThrottleExceeded; errorCode=003001; statusCode=429"
FORBIDDEN = "message=AuthorizationFailed; errorCode=003100; statusCode=403"


def written(bill_id: str = "147") -> httpx2.Response:
    return ok({"Bill": {"Id": bill_id, "SyncToken": "0"}, "time": "2026-11-02T04:00:00.000-08:00"})


def a_found_bill(**changes: Any) -> dict[str, Any]:
    return {"Id": "147", "DocNumber": "INV-2026-0042", "PrivateNote": "itm_0192/1\nNumber: INV-2026-0042"} | changes


def statement(request: httpx2.Request) -> str:
    return str(request.url.params["query"])


async def read(practice: Practice, list_name: ListName, since: datetime | None = None) -> list[Any]:
    return list((await practice.quickbooks.read_list(REALM_ACCESS, list_name, since)).entries)


@pytest.mark.parametrize(
    ("code", "detail", "ours", "field"),
    [
        ("6240", "The name supplied already exists. : Id=1209", "duplicate", "supplier_name"),
        ("6140", "You must specify a different number. … TxnType=Bill TxnId=9", "duplicate", "number"),
        ("6210", "The account period has closed …", "period_locked", "date"),
        ("6190", "Subscription period has ended …", "subscription_ended", None),
        ("2500", "Invalid Reference Id : Accounts element id 999 not found", "category_missing", "account_id"),
        ("2500", "Invalid Reference Id : Vendors element id 999 not found", "supplier_missing", "supplier_id"),
        ("2500", "Invalid Reference Id : TaxCode element id 9 not found", "tax_mismatch", "tax_rate_id"),
        ("2500", "Invalid Reference Id : Something", "value_invalid", None),
        ("610", "Object Not Found : The vendor was made inactive", "supplier_missing", "supplier_id"),
        ("610", "Object Not Found : Something you're trying to use", "document_missing", None),
        ("6000", "A business validation error has occurred", "value_invalid", None),
        ("6000", "Multi currency should be enabled to perform this operation.", "currency_unsupported", "currency"),
        ("9999", "nobody has seen this", "value_invalid", None),
    ],
)
async def test_a_fault_names_the_problem_and_keeps_its_sentence(
    code: str, detail: str, ours: str, field: str | None
) -> None:
    practice = Practice(company=fault(code, "A fault", detail))
    with pytest.raises(Refused) as refusal:
        await practice.quickbooks.create_bill(REALM_ACCESS, a_bill(), "key", soon())
    [problem] = refusal.value.problems
    assert (problem.code, problem.field) == (ours, field)
    assert detail in problem.message


async def test_a_fault_may_come_with_status_200() -> None:
    practice = Practice(company=fault("6140", "Duplicate Document Number Error", status=200))
    with pytest.raises(Refused, match="duplicate"):
        await practice.quickbooks.create_bill(REALM_ACCESS, a_bill(), "key", soon())


async def test_a_failure_of_quickbooks_own_leaves_a_write_in_doubt_whatever_the_status() -> None:
    practice = Practice(company=fault("10000", "An application error has occurred", status=400))
    with pytest.raises(OutcomeUnknown):
        await practice.quickbooks.create_bill(REALM_ACCESS, a_bill(), "key", soon())
    with pytest.raises(ProviderUnavailable):
        await read(practice, ListName.SUPPLIERS)


@pytest.mark.parametrize(
    "answer",
    [
        fault("3200", "message=AuthenticationFailed", "Token expired", status=401, gateway=True),
        httpx2.Response(401, text="<IntuitResponse><Fault type='AuthenticationFault'/></IntuitResponse>"),
    ],
    ids=["json", "xml"],
)
async def test_a_401_rejects_the_token_in_any_format(answer: httpx2.Response) -> None:
    with pytest.raises(TokenRejected):
        await read(Practice(company=answer), ListName.SUPPLIERS)


async def test_a_forbidden_company_is_a_missing_permission_and_no_lost_connection() -> None:
    with pytest.raises(Refused, match="permission_missing"):
        await read(Practice(company=fault("3100", FORBIDDEN, status=403, gateway=True)), ListName.SUPPLIERS)


@pytest.mark.parametrize(
    "answer",
    [fault("3001", THROTTLED, "limit", status=429, gateway=True), httpx2.Response(429, text="<IntuitResponse/>")],
    ids=["json", "xml"],
)
async def test_a_throttled_call_waits_a_minute_since_quickbooks_names_no_time(answer: httpx2.Response) -> None:
    with pytest.raises(Throttled) as limit:
        await read(Practice(company=answer), ListName.SUPPLIERS)
    assert limit.value.retry_after.total_seconds() == 60


async def test_a_bill_is_written_once_under_our_key_and_with_our_reference() -> None:
    practice = Practice(company=written())

    published = await practice.quickbooks.create_bill(REALM_ACCESS, a_bill(), "itm_0192/1/9f86", soon())

    [call] = practice.calls
    assert published == Published("147")
    assert call.url.path == f"/v3/company/{REALM}/bill"
    assert (call.url.params["requestid"], call.url.params["minorversion"]) == ("itm_0192/1/9f86", "75")
    assert practice.sent() == {
        "VendorRef": {"value": "supplier-7"},
        "TxnDate": "2026-11-01",
        "DueDate": "2026-11-30",
        "DocNumber": "INV-2026-0042",
        "PrivateNote": "itm_0192/1\nNumber: INV-2026-0042",
        "CurrencyRef": {"value": "GBP"},
        "GlobalTaxCalculation": "TaxExcluded",
        "Line": [
            {
                "DetailType": "AccountBasedExpenseLineDetail",
                "Amount": 120.45,
                "Description": "Paper",
                "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "429"}, "TaxCodeRef": {"value": "INPUT2"}},
            }
        ],
    }


async def test_a_bill_without_tax_says_nothing_of_tax() -> None:
    practice = Practice(company=written())
    await practice.quickbooks.create_bill(REALM_ACCESS, a_bill(lines=(Line("Paper", Decimal(1), "7"),)), "key", soon())
    assert "GlobalTaxCalculation" not in practice.sent()


async def test_a_key_longer_than_quickbooks_takes_is_sent_as_its_hash() -> None:
    practice = Practice(company=written())
    await practice.quickbooks.create_bill(REALM_ACCESS, a_bill(), "k" * 51, soon())
    await practice.quickbooks.create_bill(REALM_ACCESS, a_bill(), "k" * 51, soon())
    first, second = (call.url.params["requestid"] for call in practice.calls)
    assert first == second
    assert len(first) == 50


async def test_a_long_number_keeps_its_end_in_the_document_and_all_of_it_in_the_note() -> None:
    practice = Practice(company=written())
    await practice.quickbooks.create_bill(REALM_ACCESS, a_bill(number="SUPPLIER/2026/11/0000042"), "key", soon())
    assert practice.sent()["DocNumber"] == "PLIER/2026/11/0000042"
    assert practice.sent()["PrivateNote"].endswith("SUPPLIER/2026/11/0000042")


async def test_our_bill_is_found_by_its_number_and_proved_by_its_note() -> None:
    foreign = a_found_bill(Id="1", PrivateNote="paid by card")
    earlier = a_found_bill(Id="2", PrivateNote="itm_0192/11\nNumber: INV-2026-0042")
    practice = Practice(company=rows("Bill", foreign, earlier, a_found_bill()))

    assert await practice.quickbooks.find_bill(REALM_ACCESS, a_bill(number="O'Neill 1")) == Published("147")
    assert statement(practice.calls[0]).startswith("SELECT * FROM Bill WHERE DocNumber = 'O\\'Neill 1' ")


async def test_a_bill_of_the_same_number_is_not_ours_without_our_reference() -> None:
    practice = Practice(company=rows("Bill", a_found_bill(PrivateNote=None)))
    assert await practice.quickbooks.find_bill(REALM_ACCESS, a_bill()) is None


async def test_a_bill_without_a_number_is_looked_for_by_its_date() -> None:
    practice = Practice(company=rows("Bill"))
    assert await practice.quickbooks.find_bill(REALM_ACCESS, a_bill(number="")) is None
    assert "TxnDate = '2026-11-01'" in statement(practice.calls[0])


async def test_a_file_is_uploaded_with_what_it_belongs_to() -> None:
    uploaded = ok({"AttachableResponse": [{"Attachable": {"Id": "5"}}]})
    practice = Practice(company=[rows("Attachable"), uploaded])
    await practice.quickbooks.attach(REALM_ACCESS, Published("147"), PDF)
    upload = practice.calls[-1]
    assert upload.url.path.endswith("/upload")
    assert b'"EntityRef": {"type": "Bill", "value": "147"}' in upload.content
    assert PDF.content in upload.content


async def test_a_file_that_is_there_is_not_sent_again() -> None:
    there = {"Id": "5", "FileName": PDF.file_name, "Size": len(PDF.content)}
    practice = Practice(company=rows("Attachable", there))
    await practice.quickbooks.attach(REALM_ACCESS, Published("147"), PDF)
    assert [call.method for call in practice.calls] == ["GET"]


async def test_a_refused_file_is_told_although_the_upload_as_a_whole_succeeds() -> None:
    refusal = {"Fault": {"Error": [{"Message": "no", "Detail": "file type", "code": "2010"}], "type": "x"}}
    practice = Practice(company=[rows("Attachable"), ok({"AttachableResponse": [refusal]})])
    with pytest.raises(Refused, match="file type"):
        await practice.quickbooks.attach(REALM_ACCESS, Published("147"), PDF)


async def test_a_supplier_that_exists_is_used_and_nothing_is_written() -> None:
    practice = Practice(company=rows("Vendor", {"Id": "56", "DisplayName": "Office Supplies Ltd"}))
    assert await practice.quickbooks.ensure_supplier(REALM_ACCESS, "Office Supplies Ltd", "key") == "56"
    assert [call.method for call in practice.calls] == ["GET"]


async def test_a_supplier_that_somebody_created_meanwhile_is_looked_up_again() -> None:
    vendor = rows("Vendor", {"Id": "56", "DisplayName": "Office Supplies Ltd"})
    practice = Practice(company=[rows("Vendor"), fault("6240", "Duplicate Name Exists Error"), vendor])
    assert await practice.quickbooks.ensure_supplier(REALM_ACCESS, "Office Supplies Ltd", "key") == "56"


async def test_a_suppliers_name_that_belongs_to_a_customer_is_refused() -> None:
    practice = Practice(company=[rows("Vendor"), fault("6240", "Duplicate Name Exists Error"), rows("Vendor")])
    with pytest.raises(Refused, match="duplicate"):
        await practice.quickbooks.ensure_supplier(REALM_ACCESS, "Office Supplies Ltd", "key")


async def test_a_list_is_read_page_by_page_with_its_inactive_entries() -> None:
    vendors = [{"Id": str(number), "DisplayName": f"V{number}", "Active": number != 7} for number in range(1001)]
    practice = Practice(company=[rows("Vendor", *vendors[:1000]), rows("Vendor", *vendors[1000:])])
    reading = await practice.quickbooks.read_list(REALM_ACCESS, ListName.SUPPLIERS, None)
    assert len(reading.entries) == 1001
    assert [entry.external_id for entry in reading.entries if not entry.active] == ["7"]
    assert [statement(call) for call in practice.calls] == [
        "SELECT * FROM Vendor WHERE Active IN (true, false) ORDERBY Id STARTPOSITION 1 MAXRESULTS 1000",
        "SELECT * FROM Vendor WHERE Active IN (true, false) ORDERBY Id STARTPOSITION 1001 MAXRESULTS 1000",
    ]
    assert reading.is_full
    assert reading.cost.calls == 2


async def test_what_changed_since_a_time_is_asked_for_as_such() -> None:
    practice = Practice(company=rows("Vendor"))
    since = datetime(2026, 10, 31, 12, 30, tzinfo=UTC)
    reading = await practice.quickbooks.read_list(REALM_ACCESS, ListName.SUPPLIERS, since)
    assert "AND MetaData.LastUpdatedTime > '2026-10-31T12:30:00Z'" in statement(practice.calls[0])
    assert not reading.is_full


async def test_a_bank_account_is_no_account_to_book_costs_on() -> None:
    expense = {"Id": "7", "Name": "Paper", "FullyQualifiedName": "Office:Paper", "AccountType": "Expense"}
    bank = {"Id": "8", "Name": "Current", "AccountType": "Bank"}
    [account] = await read(Practice(company=rows("Account", expense, bank)), ListName.ACCOUNTS)
    assert (account.external_id, account.name) == ("7", "Office:Paper")
    practice = Practice(company=rows("Account", bank))
    [current] = await read(practice, ListName.BANK_ACCOUNTS)
    assert current.external_id == "8"
    assert "AccountType IN ('Bank', 'Credit Card')" in statement(practice.calls[0])


async def test_classes_and_locations_of_one_number_stay_apart() -> None:
    region = {"Id": "1", "Name": "North", "ParentRef": {"value": "2"}}
    practice = Practice(company=[rows("Class", region), rows("Department", {"Id": "1", "Name": "Bath"})])
    found = await read(practice, ListName.TRACKING)
    assert [(one.external_id, one.parent_id, one.type) for one in found] == [
        ("class-1", "class-2", "class"),
        ("location-1", None, "location"),
    ]


async def test_a_masked_tax_number_is_not_passed_on() -> None:
    vendor = {"Id": "1", "DisplayName": "V", "TaxIdentifier": "XXXX1234", "PrimaryEmailAddr": {"Address": "v@v.test"}}
    [entry] = await read(Practice(company=rows("Vendor", vendor)), ListName.SUPPLIERS)
    assert (entry.tax_number, entry.email) == (None, "v@v.test")


async def test_the_company_says_its_currency() -> None:
    info = ok({"CompanyInfo": {"CompanyName": "Demo Trading Ltd", "Country": "GB"}})
    preferences = ok({"Preferences": {"CurrencyPrefs": {"HomeCurrency": {"value": "GBP"}}}})
    [entry] = await read(Practice(company=[info, preferences]), ListName.ORGANISATION)
    assert (entry.external_id, entry.code, entry.type) == (REALM, "GBP", "GB")
