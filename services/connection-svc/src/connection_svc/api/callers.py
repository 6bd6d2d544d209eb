"""Who may ask for what. Somebody else's business is excluded by every query, and is a 404."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends

from chassis.http import Problem, allow
from chassis.service_tokens import Caller, Gate

Dependency = Callable[..., Awaitable[Caller]]


def readers(gate: Gate) -> Dependency:
    """Anybody of the business may look."""
    return allow(gate, "admin", "accountant", "member", "publisher", "operator")


def people(gate: Gate) -> Dependency:
    """Anybody of the business may ask others for something."""
    return allow(gate, "admin", "accountant", "member", "publisher")


def administrators(gate: Gate) -> Dependency:
    """Only administrators, and accountants in their place, connect, reconnect and change settings."""
    return allow(gate, "admin", "accountant")


def services(gate: Gate, *names: str) -> Dependency:
    """Only these services, and only for themselves: a token that web-svc signed for a person is not one."""
    service = allow(gate, "service")

    async def caller(caller: Annotated[Caller, Depends(service)]) -> Caller:
        if caller.service not in names:
            raise Problem(403, "forbidden", "Not allowed", f"Only {', '.join(names)} may ask for this.")
        return caller

    return caller
