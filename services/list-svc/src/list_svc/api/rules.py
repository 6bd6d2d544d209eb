"""Automation rules. Whoever may read items may read them; changing one needs an administrator."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database, Tx
from chassis.http import allow, may_answer
from chassis.service_tokens import Caller, Gate
from list_svc import outgoing
from list_svc.api.paging import next_cursor, page_by, with_one_more
from list_svc.api.problems import etag, revision_in, told_as_problems
from list_svc.domain import rules as domain
from list_svc.domain.paging import Page
from list_svc.domain.rules import Coding, Draft, Kind, Match, Operator, Rule, State, UnknownConnection
from list_svc.store import connections, entries
from list_svc.store import rules as store
from relink_contracts.ids import new_id

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
IfMatch = Annotated[str | None, Header()]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MatchBody(_Closed):
    operator: Operator
    text: Text


class CodingBody(_Closed):
    connection_id: Text
    references: dict[Text, Text] = Field(max_length=10)
    """External ids by list."""


class RuleBody(_Closed):
    kind: Kind
    match: MatchBody
    coding: CodingBody
    auto_publish: bool = False
    state: State = State.ACTIVE

    def draft(self) -> Draft:
        return Draft(
            kind=self.kind,
            match=Match(self.match.operator, self.match.text),
            coding=Coding(self.coding.connection_id, self.coding.references),
            auto_publish=self.auto_publish,
            state=self.state,
        )


class RuleOut(RuleBody):
    rule_id: str
    merge_id: str | None
    revision: int
    changed_by: str
    changed_at: datetime


class RulesOut(BaseModel):
    items: tuple[RuleOut, ...]
    next: str | None


def router(database: Database, gate: Gate, clock: Clock) -> APIRouter:
    api = APIRouter(prefix="/api/v1/rules", tags=["rules"])
    reader = Annotated[Caller, Depends(allow(gate, "admin", "member", "publisher", "accountant", "operator"))]
    administrator = Annotated[Caller, Depends(allow(gate, "admin", "accountant"))]

    @api.get("")
    async def list_rules(caller: reader, page: Annotated[Page, Depends(page_by(parts=1))]) -> RulesOut:
        """The business's rules in the order of their making."""
        async with database.transaction() as tx:
            found = await store.of_business(tx, caller.business_id, with_one_more(page))
        following = next_cursor(found, page, lambda rule: (rule.rule_id,))
        return RulesOut(items=tuple(map(_out, found[: page.limit])), next=following)

    @api.post("", status_code=201, responses=may_answer(404, 409))
    async def write_rule(body: RuleBody, caller: administrator, response: Response) -> RuleOut:
        """A new rule. Its entries have to be in the connection's lists."""
        now = clock.now()
        with told_as_problems():
            rule = domain.write(new_id("rul"), caller.business_id, body.draft(), by=caller.subject, at=now)
            async with database.transaction() as tx:
                await _check_coding(tx, rule)
                await store.insert(tx, rule)
                await outbox.add(tx, outgoing.rule_state(rule, at=now))
        response.headers["Location"] = f"/api/v1/rules/{rule.rule_id}"
        return _answer(rule, response)

    @api.get("/{rule_id}", responses=may_answer(404))
    async def read_rule(rule_id: str, caller: reader, response: Response) -> RuleOut:
        with told_as_problems():
            async with database.transaction() as tx:
                rule = await store.get(tx, rule_id, caller.business_id)
        return _answer(rule, response)

    @api.put("/{rule_id}", responses=may_answer(404, 409, 412, 428))
    async def rewrite_rule(
        rule_id: str, body: RuleBody, caller: administrator, response: Response, if_match: IfMatch = None
    ) -> RuleOut:
        """The whole rule anew. `If-Match` names the ETag that was seen: 412 when somebody was faster."""
        now, seen = clock.now(), revision_in(if_match)
        with told_as_problems():
            async with database.transaction() as tx:
                rule = await store.get_for_update(tx, rule_id, caller.business_id)
                rule = domain.rewrite(rule, body.draft(), seen=seen, by=caller.subject, at=now)
                await _check_coding(tx, rule)
                await store.update(tx, rule)
                await outbox.add(tx, outgoing.rule_state(rule, at=now))
        return _answer(rule, response)

    @api.delete("/{rule_id}", status_code=204, responses=may_answer(404, 412, 428))
    async def delete_rule(rule_id: str, caller: administrator, if_match: IfMatch = None) -> None:
        now, seen = clock.now(), revision_in(if_match)
        with told_as_problems():
            async with database.transaction() as tx:
                rule = await store.get_for_update(tx, rule_id, caller.business_id)
                domain.expect(rule, seen=seen)
                await store.delete(tx, rule, by=caller.subject, at=now)
                await outbox.add(tx, outgoing.rule_gone(rule, at=now))

    return api


async def _check_coding(tx: Tx, rule: Rule) -> None:
    coding = rule.draft.coding
    if not await connections.exists(tx, coding.connection_id, rule.business_id):
        raise UnknownConnection(coding.connection_id)
    domain.usable_references(coding, await entries.active(tx, coding, rule.business_id))


def _answer(rule: Rule, response: Response) -> RuleOut:
    response.headers["ETag"] = etag(rule.revision)
    return _out(rule)


def _out(rule: Rule) -> RuleOut:
    draft = rule.draft
    return RuleOut(
        rule_id=rule.rule_id,
        kind=draft.kind,
        match=MatchBody(operator=draft.match.operator, text=draft.match.text),
        coding=CodingBody(connection_id=draft.coding.connection_id, references=dict(draft.coding.references)),
        auto_publish=draft.auto_publish,
        state=draft.state,
        merge_id=rule.merge_id,
        revision=rule.revision,
        changed_by=rule.changed_by,
        changed_at=rule.changed_at,
    )
