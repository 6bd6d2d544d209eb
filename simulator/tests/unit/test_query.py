import pytest
from simulator.quickbooks.query import BadQueryError, UnknownPropertyError, choose, parse

ROWS = [
    {"Id": "1", "Name": "Paper", "Active": True, "Balance": 3, "MetaData": {"LastUpdatedTime": "2026-01-01T00:00:00Z"}},
    {"Id": "2", "Name": "O'Neil", "Active": True, "Balance": 20, "MetaData": {"LastUpdatedTime": "2026-03-01T00:00:00Z"}},
    {"Id": "10", "Name": "Old", "Active": False, "Balance": 1, "MetaData": {"LastUpdatedTime": "2026-02-01T00:00:00Z"}},
]  # fmt: skip
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
