"""How the domain's errors are told over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager

from chassis.problems import Problem
from list_svc.domain.rules import (
    DomainError,
    EntriesNotUsable,
    RuleChangedMeanwhile,
    RuleExists,
    RuleUnknown,
    UnknownConnection,
)


@contextmanager
def told_as_problems() -> Iterator[None]:
    try:
        yield
    except DomainError as error:
        raise as_problem(error) from error


def as_problem(error: DomainError) -> Problem:
    match error:
        case RuleUnknown():
            return Problem(404, "rule_unknown", "No such rule", f"{error}.")
        case UnknownConnection():
            return Problem(404, "connection_unknown", "No such connection", f"{error}.")
        case EntriesNotUsable(problems=problems):
            return Problem(
                422,
                "entries_not_usable",
                "Some entries cannot be used",
                f"{error}.",
                errors=[
                    {
                        "pointer": f"/coding/references/{name}",
                        "code": f"entry_{why}",
                        "detail": f"The entry is {why} in list {name}.",
                        "fix": "Choose another entry of the list, or refresh the lists.",
                    }
                    for name, why in problems.items()
                ],
            )
        case RuleExists():
            return Problem(409, "rule_exists", "There is such a rule already", f"{error}.")
        case RuleChangedMeanwhile(rule=rule):
            return Problem(
                412, "changed_meanwhile", "Somebody was faster", f"{error}.", headers={"ETag": etag(rule.revision)}
            )
        case _:
            raise error


def etag(revision: int) -> str:
    return f'"{revision}"'


def revision_in(if_match: str | None) -> int:
    """The revision that the caller has seen; 428 when he does not say."""
    if if_match is None:
        raise Problem(428, "if_match_missing", "Say what you have seen", "Send the ETag of your last GET as If-Match.")
    try:
        return int(if_match.strip('"'))
    except ValueError:
        return 0  # nobody's revision: the caller gets 412 and the present ETag
