import pytest

from simulator.calls import Refusal
from simulator.xero.filters import where

BODY = {"Name": 'Paper AND "Pens"', "Type": "BANK", "IsSupplier": True, "Contact": {"ContactID": "abc"}}


@pytest.mark.parametrize(
    ("clause", "fits"),
    [
        ('Type=="BANK"', True),
        ('Type == "EXPENSE"', False),
        (r'Name=="Paper AND \"Pens\""', True),
        ('Type=="BANK" AND IsSupplier==true', True),
        ('Type=="BANK"&&IsSupplier==false', False),
        ('Contact.ContactID==Guid("ABC")', True),
        ('EmailAddress=="a@b.example"', False),
    ],
)
def test_a_where_clause_is_read_as_clients_write_it(clause: str, fits: bool) -> None:
    assert where(clause)(BODY) is fits


@pytest.mark.parametrize("clause", ['Type="BANK"', "Type==", 'Type=="BANK" OR Type=="SALES"', 'Name.Contains("x")'])
def test_a_clause_that_is_not_imitated_is_refused_and_never_ignored(clause: str) -> None:
    with pytest.raises(Refusal) as refused:
        where(clause)
    assert refused.value.answer.status == 400
    assert b"QueryParseException" in refused.value.answer.body
