"""What became of the expiries: judged from what was said, what is kept, and where the tokens lead. It asks nobody."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from devstack.customers import BROKEN
from relink_contracts.envelope import EventData, Received
from relink_contracts.events import (
    ConnectionChanged,
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionReconnected,
    ConnectionState,
    ReconnectCompleted,
    ReconnectRequested,
)

Consent = tuple[str, int]
"""A connection's id, and which of its consents."""


@dataclass(frozen=True)
class KeptConnection:
    """One that was established, as connection-svc keeps it."""

    id: str
    lifecycle: str
    generation: int
    organisation_id: str

    @property
    def consent(self) -> Consent:
        return self.id, self.generation

    def is_told_by(self, state: EventData | None) -> bool:
        return isinstance(state, ConnectionState) and self == KeptConnection(
            state.connection_id, state.lifecycle, state.generation, state.organisation_id or ""
        )


@dataclass(frozen=True)
class KeptCase:
    """A repair as connection-svc keeps it."""

    id: str
    connection_id: str
    generation: int
    is_open: bool

    @property
    def consent(self) -> Consent:
        return self.connection_id, self.generation


@dataclass(frozen=True)
class TokenSeen:
    """A token that was handed out, and the organisations that it leads to at the provider."""

    connection_id: str
    generation: int
    reached: tuple[str, ...]


@dataclass(frozen=True)
class History:
    """All there is to judge by. `organisations` is what each customer chose, by the id of the connection."""

    organisations: Mapping[str, str]
    events: Sequence[Received[EventData]]
    connections: Sequence[KeptConnection]
    cases: Sequence[KeptCase]
    tokens: Sequence[TokenSeen]


@dataclass(frozen=True)
class Verdict:
    """How many rounds there were, and in sentences what went wrong in them."""

    rounds: int
    lost: tuple[str, ...]
    second_cases: tuple[str, ...]
    wrong_organisation: tuple[str, ...]


def judge(history: History) -> Verdict:
    """A round is a consent that ended, with its repair. Everything must have come to rest."""
    said = Said(history.events)
    return Verdict(
        rounds=len(said.repaired),
        lost=(*_out_of_reach(history), *_unsaid(history, said)),
        second_cases=tuple(_twice(history, said)),
        wrong_organisation=tuple(_elsewhere(history)),
    )


class Said:
    """What was said of consents and repairs, by the ids of the events: one that was delivered twice counts once."""

    def __init__(self, events: Iterable[Received[EventData]]) -> None:
        self.given: dict[Consent, set[UUID]] = defaultdict(set)
        self.expired: dict[Consent, set[UUID]] = defaultdict(set)
        self.opened: dict[Consent, set[UUID]] = defaultdict(set)
        self.completed: dict[str, set[UUID]] = defaultdict(set)
        self.cases: dict[str, Consent] = {}
        self.states: dict[str, Received[EventData]] = {}
        """The latest of each connection."""
        for event in events:
            self._take_in(event)

    @property
    def repaired(self) -> set[Consent]:
        """The consents that ended and whose repair is done."""
        return {self.cases[case] for case in self.completed if case in self.cases} & self.expired.keys()

    def _take_in(self, event: Received[EventData]) -> None:
        match event.data:
            case ConnectionEstablished() | ConnectionReconnected() as data:
                self.given[data.connection_id, data.generation].add(event.id)
            case ConnectionExpired() as data:
                self.expired[data.connection_id, data.generation].add(event.id)
            case ReconnectRequested(stage="opened") as data:
                self.opened[data.connection_id, data.generation].add(event.id)
                self.cases[data.reconnect_id] = (data.connection_id, data.generation)
            case ReconnectCompleted() as data:
                self.completed[data.reconnect_id].add(event.id)
            case ConnectionState() as data:
                known = self.states.get(data.connection_id)
                if known is None or known.sequence < event.sequence:
                    self.states[data.connection_id] = event


def _out_of_reach(history: History) -> Iterator[str]:
    """Connections that neither work nor are being repaired."""
    kept = {connection.id: connection for connection in history.connections}
    being_repaired = {case.consent for case in history.cases if case.is_open}
    for connection_id in history.organisations:
        connection = kept.get(connection_id)
        if connection is None:
            yield f"{connection_id} is not there any more"
        elif connection.lifecycle in BROKEN and connection.consent not in being_repaired:
            yield f"{connection_id} is {connection.lifecycle}, and no case is open for it"
        elif connection.lifecycle not in {"active", *BROKEN}:
            yield f"{connection_id} is {connection.lifecycle}, which nobody asked for"
    for connection in history.connections:
        if connection.lifecycle == "active" and connection.consent in being_repaired:
            yield f"{connection.id} works, and a case is open for it"


def _unsaid(history: History, said: Said) -> Iterator[str]:
    """What happened and was not said, or not to its end."""
    for case in history.cases:
        if case.id not in said.cases:
            yield f"case {case.id} was never said to be open"
        if not case.is_open and case.id not in said.completed:
            yield f"case {case.id} is closed, which was never said"
    for connection_id, generation in said.expired.keys() - said.opened.keys():
        yield f"no case was opened when consent {generation} of {connection_id} ended"
    for connection in history.connections:
        for generation in range(1, connection.generation + 1):
            if (connection.id, generation) not in said.given:
                yield f"consent {generation} of {connection.id} was never said to be given"
        latest = said.states.get(connection.id)
        if latest is None or not connection.is_told_by(latest.data):
            yield f"what was said last of {connection.id} is not how it is"


def _twice(history: History, said: Said) -> Iterator[str]:
    """What may happen once to a consent or a repair, and happened more often."""
    for words, times in (
        ("given", said.given),
        ("said to have ended", said.expired),
        ("given a case", said.opened),
    ):
        for (connection_id, generation), ids in times.items():
            if len(ids) > 1:
                yield f"consent {generation} of {connection_id} was {words} {len(ids)} times"
    for case_id, ids in said.completed.items():
        if len(ids) > 1:
            yield f"case {case_id} was said to be closed {len(ids)} times"
    for (connection_id, generation), count in Counter(case.consent for case in history.cases).items():
        if count > 1:
            yield f"{count} cases are kept for consent {generation} of {connection_id}"
    for connection_id, generation in said.opened.keys() - said.expired.keys():
        yield f"a case was opened for consent {generation} of {connection_id}, which had not ended"


def _elsewhere(history: History) -> Iterator[str]:
    """Connections and tokens that lead, or led, to an organisation that their customer did not choose."""
    chosen = history.organisations
    for connection in history.connections:
        if connection.organisation_id != chosen.get(connection.id):
            yield f"{connection.id} leads to {connection.organisation_id}"
    for event in history.events:
        match event.data:
            case ConnectionEstablished() | ConnectionReconnected() | ConnectionState() as data:
                if data.organisation_id not in {None, chosen.get(data.connection_id)}:
                    yield f"consent {data.generation} of {data.connection_id} led to {data.organisation_id}"
            case ConnectionChanged() as data:
                yield f"{data.connection_id} was changed for {data.new_connection_id}"
    for token in history.tokens:
        if token.reached and chosen.get(token.connection_id) not in token.reached:
            yield f"the token of consent {token.generation} of {token.connection_id} led to {', '.join(token.reached)}"
