"""QuickBooks' query language: SELECT, FROM, WHERE, ORDERBY, STARTPOSITION, MAXRESULTS."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Never

from simulator.encoding import Json

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<op><=|>=|=|<|>|\(|\)|,|\*)|(?P<word>[A-Za-z0-9_.+:-]+))""", re.VERBOSE
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class BadQueryError(Exception):
    """The statement cannot be read (4000)."""


class UnknownPropertyError(Exception):
    """The statement names a property that cannot be queried (4001)."""


@dataclass(frozen=True)
class Condition:
    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    entity: str
    fields: tuple[str, ...]
    """Empty for all of them."""
    counts: bool
    conditions: tuple[Condition, ...]
    order: tuple[str, bool] | None
    """Field, and whether the largest comes first."""
    start: int
    most: int


def parse(statement: str) -> Query:
    """Raises BadQueryError. Key words are read in any letter case; OR, JOIN, GROUP BY and != do not exist."""
    return _Parser(list(_tokens(statement))).query()


def choose(query: Query, bodies: Sequence[Json], queryable: frozenset[str]) -> list[Json]:
    """Every body that fits, in order, before paging. Inactive ones only when the query speaks of Active."""
    asked = [condition.field for condition in query.conditions]
    known = {name.lower() for name in queryable}
    for field in (*asked, *([query.order[0]] if query.order else [])):
        if field.lower() not in known:
            raise UnknownPropertyError(f"property {field} is not queryable for {query.entity}")
    if "active" in known and "active" not in (field.lower() for field in asked):
        bodies = [body for body in bodies if body.get("Active", True)]
    found = [body for body in bodies if all(_fits(condition, body) for condition in query.conditions)]
    if query.order:
        field, largest_first = query.order
        found.sort(key=lambda body: _sortable(value_of(body, field)), reverse=largest_first)
    return found


def value_of(body: Json, path: str) -> Any:
    """What lies under a property's name, whatever its letter case; of a reference its value."""
    value: Any = body
    for name in path.split("."):
        value = value[0] if isinstance(value, list) and value else value  # a query compares with the first of many
        named = {key.lower(): inner for key, inner in value.items()} if isinstance(value, dict) else {}
        value = named.get(name.lower())
    return value.get("value") if isinstance(value, dict) else value


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._at = tokens, 0

    def query(self) -> Query:
        self._expect("SELECT")
        counts, fields = self._selection()
        self._expect("FROM")
        entity = self._word()
        conditions = tuple(self._conditions()) if self._take("WHERE") else ()
        order = self._order()
        start = self._number() if self._take("STARTPOSITION") else 1
        most = self._number() if self._take("MAXRESULTS") else DEFAULT_PAGE
        if self._at < len(self._tokens):
            self._fail()
        if start < 1 or not 1 <= most <= LARGEST_PAGE:
            raise BadQueryError(f"STARTPOSITION begins at 1 and MAXRESULTS is 1 to {LARGEST_PAGE}")
        return Query(entity, fields, counts, conditions, order, start, most)

    def _selection(self) -> tuple[bool, tuple[str, ...]]:
        if self._take("COUNT"):
            for part in ("(", "*", ")"):
                self._expect(part)
            return True, ()
        fields = [self._next()[1]]
        while self._take(","):
            fields.append(self._next()[1])
        return False, () if "*" in fields else tuple(fields)

    def _conditions(self) -> Iterator[Condition]:
        while True:
            yield self._condition()
            if not self._take("AND"):
                return

    def _condition(self) -> Condition:
        field = self._word()
        if self._take("IN"):
            self._expect("(")
            values = [self._value()]
            while self._take(","):
                values.append(self._value())
            self._expect(")")
            return Condition(field, "IN", tuple(values))
        if self._take("LIKE"):
            return Condition(field, "LIKE", (self._value(),))
        kind, operator = self._next()
        if kind != "op" or operator not in _COMPARISONS:
            self._fail()
        return Condition(field, operator, (self._value(),))

    def _order(self) -> tuple[str, bool] | None:
        if not self._take("ORDERBY"):
            if not self._take("ORDER"):
                return None
            self._expect("BY")
        field = self._word()
        if self._take("DESC"):
            return field, True
        self._take("ASC")
        return field, False

    def _value(self) -> str:
        kind, text = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind != "word":
            self._fail()
        return text

    def _number(self) -> int:
        text = self._word()
        return int(text) if text.isdecimal() else self._fail()

    def _word(self) -> str:
        kind, text = self._next()
        return text if kind == "word" else self._fail()

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise BadQueryError("the statement ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        here = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if here[0] == "text" or here[1].upper() != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            self._fail()

    def _fail(self) -> Never:
        here = self._tokens[self._at][1] if self._at < len(self._tokens) else "the end"
        raise BadQueryError(f"unexpected {here}")


def _tokens(statement: str) -> Iterator[tuple[str, str]]:
    position, end = 0, len(statement.rstrip())
    while position < end:
        found = _TOKEN.match(statement, position)
        if not found or not found.lastgroup:
            raise BadQueryError(f"unexpected {statement[position : position + 10].strip()}")
        yield found.lastgroup, found[found.lastgroup]
        position = found.end()


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda held, asked: held == asked,
    "<": lambda held, asked: held < asked,
    ">": lambda held, asked: held > asked,
    "<=": lambda held, asked: held <= asked,
    ">=": lambda held, asked: held >= asked,
}


def _fits(condition: Condition, body: Json) -> bool:
    held = value_of(body, condition.field)
    if held is None:
        return False
    if condition.operator == "LIKE":
        pattern = ".*".join(re.escape(part) for part in condition.values[0].split("%"))
        return re.fullmatch(pattern, str(held), re.IGNORECASE | re.DOTALL) is not None
    if condition.operator == "IN":
        return any(_compared(held, "=", asked) for asked in condition.values)
    return _compared(held, condition.operator, condition.values[0])


def _compared(held: Any, operator: str, asked: str) -> bool:
    """As the property's own type: a truth, a number, a moment, or text."""
    compare = _COMPARISONS[operator]
    if isinstance(held, bool):
        return compare(held, asked.lower() == "true")
    if isinstance(held, (int, Decimal)):
        try:
            return compare(held, Decimal(asked))
        except InvalidOperation as error:
            raise BadQueryError(f"{asked} is not a number") from error
    if "T" in held and _DATE.match(held):
        return compare(_moment(held), _moment(asked))
    return compare(held, asked)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadQueryError(f"{text} is not a time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _sortable(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    if isinstance(value, (int, Decimal)):
        return 1, value
    return (1, int(value)) if str(value).isdecimal() else (2, str(value).lower())
