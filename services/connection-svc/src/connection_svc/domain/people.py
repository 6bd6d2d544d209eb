"""Whom a connection can be repaired by."""

from collections.abc import Iterable
from dataclasses import dataclass

from connection_svc.domain.errors import DomainError


@dataclass(frozen=True)
class Member:
    """One person of a business."""

    user_id: str
    roles: tuple[str, ...]
    linked_accountant: bool

    @property
    def can_reconnect(self) -> bool:
        """Administrators, and the accountant who is linked to the business."""
        return "admin" in self.roles or self.linked_accountant


class NobodyToAsk(DomainError):
    """The business has nobody else who may reconnect."""

    def __init__(self) -> None:
        super().__init__("nobody else may reconnect it")


class UnknownRecipient(DomainError):
    """A link goes to people of the business only."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        super().__init__(f"{user_id} does not belong to this business")


def whom_to_ask_for_a_link(members: Iterable[Member], *, made_by: str | None) -> tuple[str, ...]:
    """User ids of whoever made the earlier link, or else of all who may reconnect. Raises NobodyToAsk."""
    found = whom_to_ask(members, asked_by=None)
    return (made_by,) if made_by in found else found


def whom_to_ask(members: Iterable[Member], *, asked_by: str | None) -> tuple[str, ...]:
    """User ids of those who may reconnect, without whoever asks. Raises NobodyToAsk."""
    found = tuple(member.user_id for member in members if member.can_reconnect and member.user_id != asked_by)
    if not found:
        raise NobodyToAsk
    return found
