"""Automation rules: which documents are coded with which entries of a connection's lists."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Which name of a document a rule compares."""

    SUPPLIER = "supplier"
    CUSTOMER = "customer"
    BANK = "bank"


class Operator(StrEnum):
    IS = "is"
    CONTAINS = "contains"


class State(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"


@dataclass(frozen=True)
class Match:
    """Compared without regard to case."""

    operator: Operator
    text: str


@dataclass(frozen=True)
class Coding:
    """At most one entry of each list of one connection, as external ids by list."""

    connection_id: str
    references: Mapping[str, str]


@dataclass(frozen=True)
class Draft:
    """What a person decides about a rule."""

    kind: Kind
    match: Match
    coding: Coding
    auto_publish: bool
    state: State


@dataclass(frozen=True)
class Rule:
    rule_id: str
    business_id: str
    draft: Draft
    merge_id: str | None
    revision: int
    changed_by: str
    changed_at: datetime


class DomainError(Exception):
    """Something that the rules of the domain do not allow; the sentence is fit for a person."""


class UnknownConnection(DomainError):
    def __init__(self, connection_id: str) -> None:
        self.connection_id = connection_id
        super().__init__(f"there is no connection {connection_id}")


class EntriesNotUsable(DomainError):
    """Some entries are not in the connection's lists, or are archived there."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = problems
        super().__init__(f"not usable: {', '.join(f'the entry of {name} is {why}' for name, why in problems.items())}")


class RuleUnknown(DomainError):
    def __init__(self, rule_id: str) -> None:
        self.rule_id = rule_id
        super().__init__(f"there is no rule {rule_id}")


class RuleChangedMeanwhile(DomainError):
    """Somebody else was faster; `rule` is what he made of it."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        super().__init__(
            f"rule {rule.rule_id} was changed by {rule.changed_by} at {rule.changed_at:%Y-%m-%d %H:%M} UTC"
        )


class RuleExists(DomainError):
    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        super().__init__(f"another {draft.kind} rule already matches '{draft.match.text}'")


def usable_references(coding: Coding, active: Mapping[str, bool]) -> None:
    """Raises EntriesNotUsable unless every referenced entry is in its list (`active` has its list) and not archived."""
    problems = {name: "unknown" for name in coding.references if name not in active}
    problems |= {name: "archived" for name, is_active in active.items() if not is_active}
    if problems:
        raise EntriesNotUsable(problems)


def write(rule_id: str, business_id: str, draft: Draft, *, by: str, at: datetime) -> Rule:
    """A new rule."""
    return Rule(rule_id, business_id, draft, merge_id=None, revision=1, changed_by=by, changed_at=at)


def rewrite(rule: Rule, draft: Draft, *, seen: int, by: str, at: datetime) -> Rule:
    """The rule with another content. Raises RuleChangedMeanwhile when `seen` is not its present revision."""
    expect(rule, seen=seen)
    return replace(rule, draft=draft, revision=rule.revision + 1, changed_by=by, changed_at=at)


def pause(rule: Rule, *, by: str, at: datetime) -> Rule:
    """The rule, kept and not applied."""
    draft = replace(rule.draft, state=State.PAUSED)
    return replace(rule, draft=draft, revision=rule.revision + 1, changed_by=by, changed_at=at)


def expect(rule: Rule, *, seen: int) -> None:
    """Raises RuleChangedMeanwhile when `seen` is not the rule's present revision."""
    if rule.revision != seen:
        raise RuleChangedMeanwhile(rule)
