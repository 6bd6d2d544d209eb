"""Every event that list-svc says."""

from datetime import datetime

from list_svc.domain.rules import Rule
from relink_contracts import events
from relink_contracts.envelope import Actor, EventData, Outgoing, Received, Tombstone, speaker

_say = speaker("list-svc")


def rule_state(rule: Rule, *, at: datetime, caused_by: Received[EventData] | None = None) -> Outgoing:
    """The rule as it is now."""
    draft = rule.draft
    return _say(
        events.Rule(
            business_id=rule.business_id,
            actor=Actor(type="user", id=rule.changed_by),
            rule_id=rule.rule_id,
            kind=draft.kind.value,
            match=events.RuleMatch(operator=draft.match.operator.value, text=draft.match.text),
            coding=events.RuleCoding(
                connection_id=draft.coding.connection_id, references=dict(draft.coding.references)
            ),
            auto_publish=draft.auto_publish,
            state=draft.state.value,
            merge_id=rule.merge_id,
        ),
        at=at,
        caused_by=caused_by,
    )


def rule_gone(rule: Rule, *, at: datetime) -> Outgoing:
    """The rule was deleted."""
    gone = Tombstone(events.Rule, subject=rule.rule_id, key=rule.rule_id, business_id=rule.business_id)
    return _say(gone, at=at)
