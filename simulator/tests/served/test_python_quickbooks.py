"""The common python-quickbooks library, unchanged, against practice QuickBooks."""

from decimal import Decimal

import pytest
from intuitlib.client import AuthClient
from quickbooks import QuickBooks
from quickbooks.exceptions import AuthorizationException, ObjectNotFoundException, QuickbooksException
from quickbooks.objects.account import Account
from quickbooks.objects.attachable import Attachable
from quickbooks.objects.base import AttachableRef, Ref
from quickbooks.objects.bill import Bill
from quickbooks.objects.detailline import AccountBasedExpenseLine, AccountBasedExpenseLineDetail
from quickbooks.objects.vendor import Vendor

from simulator.testing import CLIENT_ID, CLIENT_SECRET, REALM, REDIRECT_URI


@pytest.fixture
def qb(practice, monkeypatch: pytest.MonkeyPatch) -> QuickBooks:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setattr(QuickBooks, "api_url_v3", f"{practice.url}/quickbooks/v3")
    client = AuthClient(
        CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, f"{practice.url}/quickbooks/.well-known/openid_configuration"
    )
    client.get_bearer_token(practice.callback("quickbooks", REALM)["code"], realm_id=REALM)
    return QuickBooks(
        auth_client=client, refresh_token=client.refresh_token, company_id=REALM, minorversion=75, use_decimal=True
    )


def a_bill(qb: QuickBooks, number: str = "R-1") -> Bill:
    line = AccountBasedExpenseLine()
    line.Amount = Decimal("100.10")
    line.DetailType = "AccountBasedExpenseLineDetail"
    line.AccountBasedExpenseLineDetail = AccountBasedExpenseLineDetail()
    line.AccountBasedExpenseLineDetail.AccountRef = Account.where("AcctNum = '429'", qb=qb)[0].to_ref()
    bill = Bill()
    bill.VendorRef = Vendor.all(max_results=1, qb=qb)[0].to_ref()
    bill.DocNumber = number
    bill.Line.append(line)
    return bill


def test_the_library_queries_accounts_and_vendors(qb: QuickBooks) -> None:
    assert len(Account.all(max_results=1000, qb=qb)) >= 100
    assert len(Vendor.all(max_results=1000, qb=qb)) >= 300


def test_the_library_pages(qb: QuickBooks) -> None:
    first = Vendor.all(max_results=10, start_position=1, order_by="DisplayName", qb=qb)
    second = Vendor.all(max_results=10, start_position=11, order_by="DisplayName", qb=qb)
    names = [vendor.DisplayName for vendor in first + second]
    assert len(set(names)) == 20
    assert names == sorted(names, key=str.lower)


def test_the_library_counts(qb: QuickBooks) -> None:
    assert Vendor.count(qb=qb) >= 300


def test_the_library_saves_a_bill_once_for_one_request_id(qb: QuickBooks) -> None:
    first = a_bill(qb).save(qb=qb, request_id="request-1")
    again = a_bill(qb).save(qb=qb, request_id="request-1")
    assert first.Id == again.Id
    assert Bill.get(first.Id, qb=qb).TotalAmt == Decimal("100.10")
    assert Bill.count(qb=qb) == 1


def test_the_library_updates_and_deletes_a_bill(qb: QuickBooks) -> None:
    saved = a_bill(qb).save(qb=qb)
    saved.PrivateNote = "changed"
    changed = saved.save(qb=qb)
    assert (changed.SyncToken, changed.PrivateNote) == ("1", "changed")
    changed.delete(qb=qb)
    with pytest.raises(ObjectNotFoundException):
        Bill.get(changed.Id, qb=qb)


def test_the_library_saves_a_vendor_and_is_told_that_the_name_is_taken(qb: QuickBooks) -> None:
    vendor = Vendor()
    vendor.DisplayName = "Practice Newcomer Ltd"
    assert vendor.save(qb=qb).Id
    same = Vendor()
    same.DisplayName = "practice newcomer ltd"
    with pytest.raises(QuickbooksException) as taken:
        same.save(qb=qb)
    assert taken.value.error_code == 6240


def test_the_library_uploads_an_attachment(practice, qb: QuickBooks) -> None:
    bill = a_bill(qb).save(qb=qb)
    reference = AttachableRef()
    reference.EntityRef = Ref()
    reference.EntityRef.type, reference.EntityRef.value = "Bill", bill.Id
    attachable = Attachable()
    attachable.AttachableRef.append(reference)
    attachable.FileName, attachable.ContentType = "receipt.pdf", "application/pdf"
    attachable._FileBytes = b"%PDF-\x00practice\r\n--x"
    assert attachable.save(qb=qb).Size == 19
    (document,) = practice.documents("quickbooks", REALM)
    assert [(file["file_name"], file["size"]) for file in document["attachments"]] == [("receipt.pdf", 19)]


def test_the_library_reads_changes_since_a_moment(qb: QuickBooks) -> None:
    bill = a_bill(qb).save(qb=qb)
    answer = qb.change_data_capture("Bill,Vendor", "2020-01-01T00:00:00Z")
    bills, vendors = answer["CDCResponse"][0]["QueryResponse"]
    assert [one["Id"] for one in bills["Bill"]] == [bill.Id]
    assert len(vendors["Vendor"]) >= 300


def test_the_library_tells_an_expired_token(practice, qb: QuickBooks) -> None:
    practice.expire("quickbooks", REALM)
    with pytest.raises(AuthorizationException):
        Vendor.all(qb=qb)
