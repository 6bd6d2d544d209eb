from simulator.around import practice_pdf
from simulator.books.chart import CLASS_OF_TYPE, full_chart, small_chart
from simulator.books.contacts import practice_contacts
from simulator.books.tax import TAX_RATES
from simulator.quickbooks.seed import ACCOUNT_TYPES


def test_the_chart_has_at_least_a_hundred_accounts_with_codes_and_names_of_their_own() -> None:
    chart = full_chart()
    assert len(chart) >= 100
    assert len({account.code for account in chart}) == len({account.name for account in chart}) == len(chart)
    assert {account.code for account in small_chart()} < {account.code for account in chart}


def test_every_account_has_a_known_tax_rate_class_and_type_at_both_providers() -> None:
    rates = {rate.type for rate in TAX_RATES}
    for account in full_chart():
        assert account.tax in rates
        assert account.type in CLASS_OF_TYPE
        assert account.type in ACCOUNT_TYPES


def test_contacts_are_the_same_ones_at_every_start_and_have_names_of_their_own() -> None:
    contacts = practice_contacts("demo trading", 320, 200)
    assert contacts == practice_contacts("demo trading", 320, 200)
    assert contacts != practice_contacts("other org", 320, 200)
    assert len({contact.name.lower() for contact in contacts}) == 520
    assert sum(contact.role == "supplier" for contact in contacts) == 320


def test_a_practice_document_is_the_same_for_the_same_name() -> None:
    document = practice_pdf("INV-1")
    assert document == practice_pdf("INV-1") != practice_pdf("INV-2")
    assert document.startswith(b"%PDF-1.4")
    assert document.endswith(b"%%EOF\n")
    start = int(document.split(b"startxref\n")[1].split(b"\n")[0])
    assert document[start:].startswith(b"xref\n")
