"""One practice provider, as the application puts it together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.routing import Route

from simulator.admin import Books
from simulator.calls import Desk
from simulator.organisations import organisations_of
from simulator.pages import LoginFace
from simulator.state import Tx


@dataclass(frozen=True)
class PracticeProvider:
    face: LoginFace
    books: Books
    seed: Callable[[Tx, datetime], None]
    """Fills the organisations as they are at the first start."""
    routes: Callable[[Desk], list[Route]]

    @property
    def name(self) -> str:
        return self.face.provider


def seed_what_is_empty(tx: Tx, providers: Sequence[PracticeProvider], at: datetime) -> None:
    """A state file of an earlier release may lack a provider."""
    for provider in providers:
        if not organisations_of(tx, provider.name):
            provider.seed(tx, at)
