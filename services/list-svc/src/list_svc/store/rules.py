"""Rules, which are ours."""

import json
from datetime import datetime, timedelta

import asyncpg

from chassis.database import Tx
from list_svc.domain.paging import Page
from list_svc.domain.rules import Coding, Draft, Kind, Match, Operator, Rule, RuleExists, RuleUnknown, State

_INSERT = """INSERT INTO rules (rule_id, business_id, kind, operator, match_text, connection_id, coding, auto_publish,
        state, merge_id, revision, changed_by, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""
_UPDATE = """UPDATE rules SET kind = $3, operator = $4, match_text = $5, connection_id = $6, coding = $7,
        auto_publish = $8, state = $9, merge_id = $10, revision = $11, changed_by = $12, changed_at = $13
    WHERE rule_id = $1 AND business_id = $2"""
_DELETE = """UPDATE rules SET deleted = true, revision = revision + 1, changed_by = $3, changed_at = $4
    WHERE rule_id = $1 AND business_id = $2"""
_GET = "SELECT * FROM rules WHERE rule_id = $1 AND business_id = $2 AND NOT deleted"
_GET_FOR_UPDATE = f"{_GET} FOR UPDATE"
_PAGE = """SELECT * FROM rules WHERE business_id = $1 AND NOT deleted AND rule_id > $2 ORDER BY rule_id LIMIT $3"""
_ACTIVE_OF = """SELECT * FROM rules WHERE business_id = $1 AND connection_id = $2 AND state = 'active' AND NOT deleted
    ORDER BY rule_id FOR UPDATE"""
_AFTER = "SELECT * FROM rules WHERE rule_id > $1 ORDER BY rule_id LIMIT $2 FOR UPDATE"
_SAY_AGAIN_IF_DUE = """INSERT INTO rules_said_again AS said (at) VALUES ($1)
    ON CONFLICT (one) DO UPDATE SET at = excluded.at WHERE said.at <= $1 - $2::interval RETURNING at"""


async def insert(tx: Tx, rule: Rule) -> None:
    """Raises RuleExists when another rule of the business has the same match."""
    await _write(tx, _INSERT, rule)


async def update(tx: Tx, rule: Rule) -> None:
    """Raises RuleExists when another rule of the business has the same match."""
    await _write(tx, _UPDATE, rule)


async def delete(tx: Tx, rule: Rule, *, by: str, at: datetime) -> None:
    await tx.execute(_DELETE, rule.rule_id, rule.business_id, by, at)


async def get(tx: Tx, rule_id: str, business_id: str) -> Rule:
    """Raises RuleUnknown, for somebody else's rule too."""
    return _one(await tx.fetchrow(_GET, rule_id, business_id), rule_id)


async def get_for_update(tx: Tx, rule_id: str, business_id: str) -> Rule:
    """As `get`, and nobody else changes the rule until `tx` ends."""
    return _one(await tx.fetchrow(_GET_FOR_UPDATE, rule_id, business_id), rule_id)


async def of_business(tx: Tx, business_id: str, page: Page) -> list[Rule]:
    """A page of the business's rules in the order of their making; a rule's place is its id."""
    return [_rule(row) for row in await tx.fetch(_PAGE, business_id, *page.after, page.limit)]


async def active_of(tx: Tx, connection_id: str, business_id: str) -> list[Rule]:
    """The rules that are applied with entries of this connection; nobody else changes them until `tx` ends."""
    return [_rule(row) for row in await tx.fetch(_ACTIVE_OF, business_id, connection_id)]


async def everything_after(tx: Tx, rule_id: str, *, limit: int) -> list[tuple[Rule, bool]]:
    """The next rules of all businesses, each with whether it is deleted; nobody else changes them until `tx` ends."""
    return [(_rule(row), row["deleted"]) for row in await tx.fetch(_AFTER, rule_id, limit)]


async def begin_saying_again(tx: Tx, *, now: datetime, every: timedelta) -> bool:
    """Whether the rules are to be said again now, which is noted; others wait until `tx` ends."""
    return await tx.fetchval(_SAY_AGAIN_IF_DUE, now, every) is not None


async def _write(tx: Tx, statement: str, rule: Rule) -> None:
    draft = rule.draft
    try:
        async with tx.transaction():
            await tx.execute(
                statement,
                rule.rule_id,
                rule.business_id,
                draft.kind,
                draft.match.operator,
                draft.match.text,
                draft.coding.connection_id,
                json.dumps(dict(draft.coding.references)),
                draft.auto_publish,
                draft.state,
                rule.merge_id,
                rule.revision,
                rule.changed_by,
                rule.changed_at,
            )
    except asyncpg.UniqueViolationError:
        raise RuleExists(draft) from None


def _one(row: asyncpg.Record | None, rule_id: str) -> Rule:
    if row is None:
        raise RuleUnknown(rule_id)
    return _rule(row)


def _rule(row: asyncpg.Record) -> Rule:
    draft = Draft(
        kind=Kind(row["kind"]),
        match=Match(Operator(row["operator"]), row["match_text"]),
        coding=Coding(row["connection_id"], json.loads(row["coding"])),
        auto_publish=row["auto_publish"],
        state=State(row["state"]),
    )
    return Rule(
        rule_id=row["rule_id"],
        business_id=row["business_id"],
        draft=draft,
        merge_id=row["merge_id"],
        revision=row["revision"],
        changed_by=row["changed_by"],
        changed_at=row["changed_at"],
    )
