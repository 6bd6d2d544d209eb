"""How the providers do."""

from dataclasses import dataclass, field

OK = "ok"


@dataclass
class ProvidersHealth:
    """Each provider's health as last heard; one nobody spoke of is well."""

    _known: dict[str, tuple[int, str]] = field(default_factory=dict)

    def remember(self, provider: str, health: str, *, sequence: int) -> None:
        if sequence > self._known.get(provider, (-1, OK))[0]:
            self._known[provider] = (sequence, health)

    def of(self, provider: str) -> str:
        return self._known.get(provider, (-1, OK))[1]
