"""How the domain's errors are told over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager

from chassis.problems import Problem
from publish_svc.domain.errors import DomainError, NotEditable, NotMovable, NotPublishable
from publish_svc.store.errors import ChangedMeanwhile


@contextmanager
def told_as_problems() -> Iterator[None]:
    try:
        yield
    except DomainError as error:
        raise as_problem(error) from error
    except ChangedMeanwhile as error:
        raise Problem(409, "changed_meanwhile", "Somebody was faster", f"{error}.") from error


def as_problem(error: DomainError) -> Problem:
    match error:
        case NotPublishable():
            return Problem(409, "item_not_publishable", "It cannot be published now", f"{error}.")
        case NotEditable():
            return Problem(409, "item_not_editable", "It can no longer be changed", f"{error}.")
        case NotMovable():
            return Problem(409, "item_waits", "It waits at another connection", f"{error}.")
        case _:
            raise error


def item_unknown(item_id: str) -> Problem:
    """Nobody's item, or another business's: the answer is the same."""
    return Problem(404, "item_unknown", "No such item", f"There is no item {item_id}.")


def connection_unknown(connection_id: str) -> Problem:
    """Nobody's connection, another business's, or one that we have not been told about yet."""
    return Problem(404, "connection_unknown", "No such connection", f"There is no connection {connection_id} here.")
