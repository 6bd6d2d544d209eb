from datetime import timedelta

import pytest
from build_list_svc import NOON, a_draft, a_rule

from list_svc.domain import rules
from list_svc.domain.rules import EntriesNotUsable, RuleChangedMeanwhile

LATER = NOON + timedelta(hours=1)


def test_a_new_rule_has_revision_one_and_says_who_wrote_it() -> None:
    rule = rules.write("rul_1", "biz_demo", a_draft(), by="usr_anna", at=NOON)

    assert (rule.revision, rule.changed_by, rule.changed_at) == (1, "usr_anna", NOON)


def test_a_rewritten_rule_has_the_next_revision() -> None:
    rule = rules.rewrite(a_rule(revision=3), a_draft("Northern Paper Ltd"), seen=3, by="usr_ben", at=LATER)

    assert (rule.revision, rule.changed_by, rule.draft.match.text) == (4, "usr_ben", "Northern Paper Ltd")


def test_whoever_saw_an_older_revision_is_told_who_was_faster() -> None:
    with pytest.raises(RuleChangedMeanwhile, match="changed by usr_anna at 2026-11-12 12:00 UTC"):
        rules.rewrite(a_rule(revision=3), a_draft(), seen=2, by="usr_ben", at=LATER)


def test_entries_that_are_in_their_lists_and_active_are_usable() -> None:
    coding = a_draft(references={"accounts": "429", "tax_rates": "INPUT2"}).coding

    rules.usable_references(coding, {"accounts": True, "tax_rates": True})


def test_every_entry_that_is_not_usable_is_named_with_its_reason() -> None:
    coding = a_draft(references={"accounts": "429", "tax_rates": "INPUT2", "suppliers": "b2a1"}).coding

    with pytest.raises(EntriesNotUsable) as refused:
        rules.usable_references(coding, {"accounts": False, "suppliers": True})

    assert refused.value.problems == {"tax_rates": "unknown", "accounts": "archived"}
