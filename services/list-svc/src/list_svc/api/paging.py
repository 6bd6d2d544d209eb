"""Pages over HTTP: `limit`, and an opaque `cursor` that names the last entry of the page before."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from chassis.problems import Problem
from list_svc.domain.paging import Page

T = TypeVar("T")


def page_by(parts: int) -> Callable[[int, str | None], Page]:
    """The dependency that reads the page asked for, in a list whose sort key has so many parts."""

    def page(
        limit: Annotated[int, Query(ge=1, le=200)] = 50, cursor: Annotated[str | None, Query(max_length=2000)] = None
    ) -> Page:
        return Page(_place_of(cursor, parts), limit)

    return page


def with_one_more(page: Page) -> Page:
    """What to ask the store for, so as to see whether anything comes after the page."""
    return Page(page.after, page.limit + 1)


def next_cursor(found: Sequence[T], page: Page, place: Callable[[T], Sequence[str]]) -> str | None:
    """The cursor behind the page, None when `found` (one more was asked for) ends with it."""
    if len(found) <= page.limit:
        return None
    return base64.urlsafe_b64encode(json.dumps(place(found[page.limit - 1])).encode()).decode()


def _place_of(cursor: str | None, parts: int) -> tuple[str, ...]:
    if cursor is None:
        return ("",) * parts
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor))
    except ValueError:
        place = None
    if not isinstance(place, list) or [type(part) for part in place] != [str] * parts:
        raise Problem(400, "cursor_invalid", "Not a cursor of this list", "Begin again without a cursor.")
    return tuple(place)
