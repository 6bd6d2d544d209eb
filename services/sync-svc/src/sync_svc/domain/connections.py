"""What we know of a connection, which connection-svc owns."""

from dataclasses import dataclass
from enum import StrEnum


class Lifecycle(StrEnum):
    """Where the connection stands. UNKNOWN is a value that this release does not know."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    DISCONNECTED = "disconnected"
    REPLACED = "replaced"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "Lifecycle":  # noqa: ARG003 - whatever it is
        return cls.UNKNOWN


@dataclass(frozen=True)
class Connection:
    """The picture by the record with the highest sequence. `generation` counts the customer's consents."""

    id: str
    business_id: str
    lifecycle: Lifecycle
    generation: int
    sequence: int
    provider: str | None = None

    @property
    def is_usable(self) -> bool:
        return self.lifecycle is Lifecycle.ACTIVE
