"""identity.membership.state.v1, inbound: the identity system says it."""

from typing import Annotated, ClassVar

from relink_contracts.envelope import EventData
from relink_contracts.fields import OneOf, UserId


class Membership(EventData):
    """What one person may do in one business. Somebody who left is a tombstone."""

    TYPE: ClassVar[str] = "relink.membership.state.v1"
    TOPIC: ClassVar[str] = "identity.membership.state.v1"
    AGGREGATE: ClassVar[str] = "membership"

    user_id: UserId
    roles: tuple[Annotated[str, OneOf("admin", "member", "publisher", "accountant", "operator")], ...]
    linked_accountant: bool
    """An accountant who acts for this business and wants its notices."""

    def subject(self) -> str:
        return f"{self.business_id}/{self.user_id}"
