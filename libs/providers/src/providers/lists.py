"""Reading a list, and a field of its records, at any provider."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from providers.http import well_formed
from providers.interface import ProviderFacts
from providers.models import Cost, Entry, ListName, Reading

Record = dict[str, Any]
Entries = Callable[[ListName, datetime | None, Cost], Awaitable[list[Entry]]]


async def read(facts: ProviderFacts, entries: Entries, list_name: ListName, modified_since: datetime | None) -> Reading:
    """The list by `entries`, which is asked for what changed only where the facts say that the list can tell."""
    cost = Cost()
    since = modified_since if list_name in facts.incremental_lists else None
    with well_formed(writes=False):
        found = await entries(list_name, since, cost)
    return Reading(tuple(found), is_full=since is None, cost=cost)


def said(record: Record, field: str) -> str | None:
    """A field's value; None where it is absent or empty."""
    return record.get(field) or None
