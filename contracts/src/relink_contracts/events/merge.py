"""accounting.merge.events.v1, accounting.mapping.state.v1 and accounting.rule.state.v1, from list-svc."""

from typing import Annotated, ClassVar

from pydantic import Field

from relink_contracts.envelope import EventData, Part
from relink_contracts.fields import BusinessName, ListName, OneOf, UtcTime


class MergeEvent(EventData):
    """Something happened to a merge: entries of an old connection's lists matched to a new one's."""

    TOPIC: ClassVar[str] = "accounting.merge.events.v1"
    AGGREGATE: ClassVar[str] = "merge"

    merge_id: str
    connection_id: str
    """The connection whose lists are merged into."""
    from_connection_id: str

    def subject(self) -> str:
        return self.merge_id

    def key(self) -> str:
        return self.connection_id


class MergeStarted(MergeEvent):
    """Somebody began to match the lists."""

    TYPE: ClassVar[str] = "relink.merge.started.v1"


class SuggestionCounts(Part):
    """Old entries of one list by how sure the best suggestion is."""

    exact: int
    likely: int
    possible: int
    none: int


class MergeSuggestionsPrepared(MergeEvent):
    """Every old entry has been compared with the new lists."""

    TYPE: ClassVar[str] = "relink.merge.suggestions-prepared.v1"

    lists: dict[ListName, SuggestionCounts]


class MergeApplied(MergeEvent):
    """The decisions are in force. A consumer re-codes once it holds as many mappings and rules as are named here."""

    TYPE: ClassVar[str] = "relink.merge.applied.v1"

    mappings_total: int
    rules_total: int
    unmatched: int
    rules_paused: int
    undo_until: UtcTime


class MergeReverted(MergeEvent):
    """An applied merge was undone."""

    TYPE: ClassVar[str] = "relink.merge.reverted.v1"


class MergeAbandoned(MergeEvent):
    """A merge was given up before it was applied."""

    TYPE: ClassVar[str] = "relink.merge.abandoned.v1"


class ListReference(Part):
    """Names one entry of one connection's list."""

    connection_id: str
    list: ListName
    external_id: str


class Mapping(EventData):
    """One decision of a merge: the old entry stands for the new one from now on, or no longer."""

    TYPE: ClassVar[str] = "relink.mapping.state.v1"
    TOPIC: ClassVar[str] = "accounting.mapping.state.v1"
    AGGREGATE: ClassVar[str] = "mapping"

    merge_id: str
    from_: ListReference = Field(alias="from")
    to: ListReference
    state: Annotated[str, OneOf("applied", "undone")]

    def subject(self) -> str:
        return f"{self.merge_id}/{self.from_.list}/{self.from_.external_id}"


class RuleMatch(Part):
    """Which documents a rule is for, by the name that its kind compares."""

    operator: Annotated[str, OneOf("is", "contains")]
    text: BusinessName


class RuleCoding(Part):
    """What a matching document is coded with: at most one entry of each list of one connection."""

    connection_id: str
    references: dict[ListName, str]
    """External ids by list."""


class Rule(EventData):
    """An automation rule as it is now. A deleted one is a tombstone."""

    TYPE: ClassVar[str] = "relink.rule.state.v1"
    TOPIC: ClassVar[str] = "accounting.rule.state.v1"
    AGGREGATE: ClassVar[str] = "rule"

    rule_id: str
    kind: Annotated[str, OneOf("supplier", "customer", "bank")]
    match: RuleMatch
    coding: RuleCoding
    auto_publish: bool
    state: Annotated[str, OneOf("active", "paused")]
    merge_id: str | None = None
    """The merge that last re-coded or paused it."""

    def subject(self) -> str:
        return self.rule_id
