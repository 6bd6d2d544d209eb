import pytest

from simulator.quickbooks.query import BadQueryError, UnknownPropertyError, choose, parse


def a_row(number: str, name: str, balance: int, updated: str, *, active: bool = True) -> dict:
    times = {"LastUpdatedTime": f"{updated}T00:00:00Z"}
    return {"Id": number, "Name": name, "Active": active, "Balance": balance, "MetaData": times}


ROWS = [
    a_row("1", "Paper", 3, "2026-01-01"),
    a_row("2", "O'Neil", 20, "2026-03-01"),
    a_row("10", "Old", 1, "2026-02-01", active=False),
]
QUERYABLE = frozenset({"Id", "Name", "Active", "Balance", "MetaData.LastUpdatedTime"})


def ids(statement: str) -> list[str]:
    return [row["Id"] for row in choose(parse(statement), ROWS, QUERYABLE)]


def test_inactive_rows_are_left_out_unless_the_query_speaks_of_active() -> None:
    assert ids("SELECT * FROM Vendor") == ["1", "2"]
    assert ids("select * from Vendor where Active in (true, false)") == ["1", "2", "10"]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (r"Name = 'O\'Neil'", ["2"]),
        ("Name LIKE '%ape%'", ["1"]),
        ("Name LIKE 'ape%'", []),
        ("Id IN ('1', '2')", ["1", "2"]),
        ("Balance > '5'", ["2"]),
        ("Balance <= 3", ["1"]),
        ("MetaData.LastUpdatedTime > '2026-01-31T23:00:00-01:00'", ["2"]),
        ("name = 'Paper' AND BALANCE < '4'", ["1"]),
    ],
)
def test_a_condition_compares_as_the_property_s_type(condition: str, found: list[str]) -> None:
    assert ids(f"SELECT * FROM Vendor WHERE {condition}") == found


def test_rows_are_ordered_by_number_where_the_property_is_one() -> None:
    assert ids("SELECT * FROM Vendor WHERE Active IN (true, false) ORDERBY Id DESC") == ["10", "2", "1"]
    assert ids("SELECT * FROM Vendor ORDER BY Balance") == ["1", "2"]


def test_paging_is_read_with_its_defaults() -> None:
    assert (parse("SELECT * FROM Bill").start, parse("SELECT * FROM Bill").most) == (1, 100)
    asked = parse("SELECT Id, Name FROM Bill STARTPOSITION 11 MAXRESULTS 1000")
    assert (asked.fields, asked.start, asked.most) == (("Id", "Name"), 11, 1000)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "SELECT FROM Bill WHERE",
        "DELETE FROM Bill",
        "SELECT * FROM Bill WHERE Name = 'a' OR Name = 'b'",
        "SELECT * FROM Bill WHERE Name != 'a'",
        "SELECT * FROM Bill WHERE Name = 'a",
        "SELECT * FROM Bill MAXRESULTS 1001",
        "SELECT * FROM Bill STARTPOSITION 0",
    ],
)
def test_what_is_no_query_is_refused(statement: str) -> None:
    with pytest.raises(BadQueryError):
        parse(statement)


def test_a_property_that_cannot_be_queried_is_named() -> None:
    with pytest.raises(UnknownPropertyError, match="PrivateNote"):
        ids("SELECT * FROM Bill WHERE PrivateNote = 'itm_1/1'")
