"""ops.audit.events.v1, from every service and the command line."""

from typing import Annotated, ClassVar

from relink_contracts.envelope import EventData
from relink_contracts.fields import OneOf


class OperatorActed(EventData):
    """Somebody on call did something. `actor` says who."""

    TYPE: ClassVar[str] = "relink.operator.acted.v1"
    TOPIC: ClassVar[str] = "ops.audit.events.v1"
    AGGREGATE: ClassVar[str] = "operator"

    action: str
    target: str
    """What it was done to, such as a topic or an entity's id."""
    reason: str
    plan_hash: str | None
    """Hash of the plan that was shown before; null when the action needs none."""
    result: Annotated[str, OneOf("done", "refused", "failed")]

    def subject(self) -> str:
        return self.actor.id
