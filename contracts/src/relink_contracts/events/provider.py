"""accounting.provider.state.v1, from connection-svc."""

from typing import Annotated, ClassVar

from relink_contracts.envelope import NO_BUSINESS, EventData
from relink_contracts.fields import OneOf, Provider, UtcTime


class ProviderState(EventData):
    """The provider struggles or is well again: one record however many connections there are, of no business."""

    TYPE: ClassVar[str] = "relink.provider.state.v1"
    TOPIC: ClassVar[str] = "accounting.provider.state.v1"
    AGGREGATE: ClassVar[str] = "provider"

    business_id: str = NO_BUSINESS
    provider: Provider
    health: Annotated[str, OneOf("ok", "degraded")]
    since: UtcTime
    symptom: str | None
    """What was seen, such as `timeouts`; null while the health is ok."""

    def subject(self) -> str:
        return self.provider
