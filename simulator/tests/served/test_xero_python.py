"""Xero's own Python SDK, unchanged, against practice Xero."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from xero_python.accounting import AccountingApi, Contact, Contacts, Invoice, Invoices, LineItem
from xero_python.api_client import ApiClient, Configuration
from xero_python.api_client.oauth2 import OAuth2Token, TokenApi
from xero_python.exceptions import AccountingBadRequestException, NotFoundException, RateLimitException
from xero_python.identity import IdentityApi

from simulator.testing import CLIENT_ID, CLIENT_SECRET, XERO_ORGANISATION


class Sdk:
    def __init__(self, practice, token: dict, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(TokenApi, "refresh_token_url", f"{practice.url}/xero/connect/token")
        monkeypatch.setattr(TokenApi, "revoke_token_url", f"{practice.url}/xero/connect/revocation")
        self.token = {**token, "scope": token["scope"].split(), "expires_at": time.time() + token["expires_in"]}
        self.client = ApiClient(
            Configuration(oauth2_token=OAuth2Token(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)),
            oauth2_token_getter=lambda: self.token,
            oauth2_token_saver=self._save,
        )
        self.accounting = AccountingApi(self.client, base_url=f"{practice.url}/xero/api.xro/2.0")
        self.identity = IdentityApi(self.client, base_url=f"{practice.url}/xero")

    def _save(self, token: dict) -> None:
        self.token = token


@pytest.fixture
def sdk(practice, monkeypatch: pytest.MonkeyPatch) -> Sdk:
    return Sdk(practice, practice.connected("xero", XERO_ORGANISATION), monkeypatch)


def an_invoice(sdk: Sdk, **changes) -> Invoice:
    contact = sdk.accounting.get_contacts(XERO_ORGANISATION, page=1, page_size=1).contacts[0]
    line = LineItem(description="Paper", quantity=2, unit_amount=10.5, account_code="429", tax_type="INPUT2")
    fields = {
        "type": "ACCPAY",
        "contact": Contact(contact_id=contact.contact_id),
        "date": datetime(2026, 11, 1, tzinfo=UTC),
        "due_date": datetime(2026, 11, 30, tzinfo=UTC),
        "invoice_number": "R-1",
        "line_items": [line],
        "status": "AUTHORISED",
    }
    return Invoice(**{**fields, **changes})


def test_the_sdk_refreshes_an_expired_token_and_keeps_the_rotated_one(sdk: Sdk) -> None:
    before = sdk.token["refresh_token"]
    sdk.token["expires_at"] = time.time() - 1
    sdk.accounting.get_organisations(XERO_ORGANISATION)
    assert sdk.token["refresh_token"] != before


def test_the_sdk_reads_the_connections(sdk: Sdk) -> None:
    (connection,) = sdk.identity.get_connections()
    assert (connection.tenant_id, connection.tenant_name) == (XERO_ORGANISATION, "Demo Trading Ltd")
    assert connection.created_date_utc.tzinfo is not None


def test_the_sdk_disconnects_an_organisation(sdk: Sdk) -> None:
    (connection,) = sdk.identity.get_connections()
    sdk.identity.delete_connection(connection.id)
    assert sdk.identity.get_connections() == []


def test_the_sdk_reads_the_organisation_accounts_tax_rates_tracking_and_items(sdk: Sdk) -> None:
    (organisation,) = sdk.accounting.get_organisations(XERO_ORGANISATION).organisations
    assert organisation.base_currency.value == "GBP"
    assert organisation.period_lock_date.year == 2024
    assert len(sdk.accounting.get_accounts(XERO_ORGANISATION).accounts) >= 100
    assert "INPUT2" in {rate.tax_type for rate in sdk.accounting.get_tax_rates(XERO_ORGANISATION).tax_rates}
    categories = sdk.accounting.get_tracking_categories(XERO_ORGANISATION).tracking_categories
    assert [len(category.options) for category in categories] == [4, 5]
    assert len(sdk.accounting.get_items(XERO_ORGANISATION).items) == 3


def test_the_sdk_filters_accounts_by_type(sdk: Sdk) -> None:
    banks = sdk.accounting.get_accounts(XERO_ORGANISATION, where='Type=="BANK"').accounts
    assert {account.type.value for account in banks} == {"BANK"}


def test_the_sdk_pages_through_all_contacts(sdk: Sdk) -> None:
    found = set()
    for page in range(1, 7):
        answer = sdk.accounting.get_contacts(XERO_ORGANISATION, page=page, page_size=100)
        assert answer.pagination.page_count == 6
        found |= {contact.contact_id for contact in answer.contacts}
    assert len(found) == answer.pagination.item_count >= 500


def test_the_sdk_reads_only_what_was_modified(sdk: Sdk) -> None:
    since = datetime.now(UTC) + timedelta(seconds=2)
    assert sdk.accounting.get_contacts(XERO_ORGANISATION, if_modified_since=since).contacts == []


def test_the_sdk_creates_a_bill_and_reads_it_back(sdk: Sdk) -> None:
    created = sdk.accounting.create_invoices(XERO_ORGANISATION, Invoices(invoices=[an_invoice(sdk)])).invoices[0]
    (read,) = sdk.accounting.get_invoice(XERO_ORGANISATION, created.invoice_id).invoices
    assert (read.sub_total, read.total_tax, read.total) == (21, Decimal("4.2"), Decimal("25.2"))
    assert read.due_date.isoformat() == "2026-11-30"


def test_the_sdk_finds_a_bill_by_its_number(sdk: Sdk) -> None:
    created = sdk.accounting.create_invoices(XERO_ORGANISATION, Invoices(invoices=[an_invoice(sdk)])).invoices[0]
    found = sdk.accounting.get_invoices(XERO_ORGANISATION, invoice_numbers=["R-1"], page=1).invoices
    assert [invoice.invoice_id for invoice in found] == [created.invoice_id]
    assert found[0].line_items[0].account_code == "429"


def test_the_sdk_attaches_a_file_to_a_bill(sdk: Sdk) -> None:
    created = sdk.accounting.create_invoices(XERO_ORGANISATION, Invoices(invoices=[an_invoice(sdk)])).invoices[0]
    answer = sdk.accounting.create_invoice_attachment_by_file_name(
        XERO_ORGANISATION, created.invoice_id, "receipt 1.pdf", b"%PDF-practice"
    )
    assert (answer.attachments[0].file_name, answer.attachments[0].content_length) == ("receipt 1.pdf", 13)


def test_the_sdk_tells_a_refused_bill_with_its_messages(sdk: Sdk) -> None:
    line = LineItem(description="Paper", quantity=1, unit_amount=1, account_code="999")
    with pytest.raises(AccountingBadRequestException) as refused:
        sdk.accounting.create_invoices(
            XERO_ORGANISATION, Invoices(invoices=[an_invoice(sdk, line_items=[line])]), summarize_errors=True
        )
    (element,) = refused.value.error_data["Elements"]
    message = "Account code '999' is not a valid code for this document."
    assert message in [error["Message"] for error in element["ValidationErrors"]]


def test_the_sdk_creates_a_contact_once(sdk: Sdk) -> None:
    wanted = Contacts(contacts=[Contact(name="Practice Newcomer Ltd")])
    sdk.accounting.create_contacts(XERO_ORGANISATION, wanted, summarize_errors=True)
    with pytest.raises(AccountingBadRequestException):
        sdk.accounting.create_contacts(XERO_ORGANISATION, wanted, summarize_errors=True)


def test_the_sdk_tells_an_unknown_bill(sdk: Sdk) -> None:
    with pytest.raises(NotFoundException):
        sdk.accounting.get_invoice(XERO_ORGANISATION, "00000000-0000-0000-0000-000000000000")


def test_the_sdk_tells_a_rate_limit(practice, sdk: Sdk) -> None:
    # Without Retry-After the SDK does not wait and try again by itself.
    practice.fault(path_regex="/Accounts$", action={"status": 429})
    with pytest.raises(RateLimitException) as limited:
        sdk.accounting.get_accounts(XERO_ORGANISATION)
    assert limited.value.rate_limit == "minute"


def test_the_sdk_revokes_everything_of_the_user(sdk: Sdk) -> None:
    sdk.client.revoke_oauth2_token()
    assert sdk.token is not None
