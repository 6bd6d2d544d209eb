"""Who belongs to which business, and what that lets them do here."""

from dataclasses import dataclass, field

MANAGING_ROLES = ("admin", "accountant")
ROLES_BY_REACH = ("admin", "accountant", "publisher", "member")


@dataclass(frozen=True)
class Membership:
    """One person in one business."""

    business_id: str
    user_id: str
    roles: frozenset[str]
    is_linked_accountant: bool = False
    """An accountant who acts for this business."""

    @property
    def role(self) -> str | None:
        """The role that reaches furthest, the one this person speaks with; None when no role opens these pages."""
        return next((role for role in ROLES_BY_REACH if role in self.roles), None)

    @property
    def manages_connections(self) -> bool:
        return self.role in MANAGING_ROLES


@dataclass
class Memberships:
    """The memberships as last heard. Older news than the last heard of a membership changes nothing."""

    _known: dict[str, Membership] = field(default_factory=dict)
    _sequences: dict[str, int] = field(default_factory=dict)

    def remember(self, membership: Membership, *, sequence: int) -> None:
        key = f"{membership.business_id}/{membership.user_id}"
        if self._is_news(key, sequence):
            self._known[key] = membership

    def forget(self, key: str, *, sequence: int) -> None:
        """Somebody left; `key` is `{business_id}/{user_id}`."""
        if self._is_news(key, sequence):
            self._known.pop(key, None)

    def of(self, user_id: str) -> list[Membership]:
        """The businesses whose pages this person may open, in a steady order."""
        mine = (known for known in self._known.values() if known.user_id == user_id and known.role is not None)
        return sorted(mine, key=lambda membership: membership.business_id)

    def find(self, business_id: str, user_id: str) -> Membership | None:
        known = self._known.get(f"{business_id}/{user_id}")
        return known if known is not None and known.role is not None else None

    def members(self, business_id: str) -> list[str]:
        """User ids of everybody in the business."""
        return sorted(m.user_id for m in self._known.values() if m.business_id == business_id)

    def administrators(self, business_id: str) -> list[str]:
        """User ids of the business's own administrators."""
        return sorted(m.user_id for m in self._known.values() if m.business_id == business_id and "admin" in m.roles)

    def whom_to_ask(self, business_id: str) -> list[str]:
        """User ids of the administrators. A business without any is its linked accountants' to manage."""
        linked = (m.user_id for m in self._known.values() if m.business_id == business_id and m.is_linked_accountant)
        return self.administrators(business_id) or sorted(linked)

    def _is_news(self, key: str, sequence: int) -> bool:
        if sequence <= self._sequences.get(key, -1):
            return False
        self._sequences[key] = sequence
        return True
