"""Faults on demand: which call, how often, and what happens to it."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from simulator.encoding import Json
from simulator.state import Tx


class Action(BaseModel):
    """What happens to a call that a rule hits. Fields combine: a delay comes first, a cut last.

    `status` answers in place of the provider, without an effect; with `body` it carries that text, else the
    provider's own body for such a status. `body` alone lets the call have its effect and spoils the answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int | None = Field(default=None, ge=100, le=599)
    retry_after: int | None = Field(default=None, ge=0)
    """Seconds, sent as Retry-After with `status`."""
    delay: float = Field(default=0, ge=0)
    """Seconds, before anything happens."""
    cut: Literal["before", "after"] | None = None
    """The TCP connection ends without an answer, before or after the call had its effect."""
    body: str | None = None

    @property
    def summary(self) -> str | None:
        """What the journal says about it; nothing for a call that went as usual."""
        return self.model_dump_json(exclude_defaults=True) if self != NONE else None


NONE = Action()


class Rule(BaseModel):
    """Hits calls whose provider, method and path fit: the first `after` pass, the next `times` are hit."""

    model_config = ConfigDict(extra="forbid")

    provider: str | None = None
    method: str | None = None
    path_regex: str = ""
    """Searched for in the whole path, without the query."""
    times: int | None = Field(default=1, ge=1)
    """None: until the rules are deleted."""
    after: int = Field(default=0, ge=0)
    action: Action

    @field_validator("path_regex")
    @classmethod
    def _is_a_regex(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value

    def fits(self, provider: str, method: str, path: str) -> bool:
        return (
            self.provider in (None, provider)
            and (self.method is None or self.method.upper() == method)
            and re.search(self.path_regex, path) is not None
        )


def add(tx: Tx, rule: Rule) -> int:
    cursor = tx.execute(
        "INSERT INTO faults (rule, let_through, remaining) VALUES (?, ?, ?)",
        (rule.model_dump_json(), rule.after, rule.times),
    )
    return int(cursor.lastrowid or 0)


def take(tx: Tx, provider: str, method: str, path: str) -> Action:
    """The action of the oldest rule that hits this call, counted down; NONE when no rule does."""
    for row in tx.execute("SELECT * FROM faults WHERE remaining IS NULL OR remaining > 0 ORDER BY id").fetchall():
        rule = Rule.model_validate_json(row["rule"])
        if not rule.fits(provider, method, path):
            continue
        if row["let_through"] > 0:
            tx.execute("UPDATE faults SET let_through = let_through - 1 WHERE id = ?", (row["id"],))
            continue
        tx.execute("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (row["id"],))
        return rule.action
    return NONE


def read(tx: Tx) -> list[Json]:
    rows = tx.execute("SELECT * FROM faults ORDER BY id")
    return [
        {
            "id": row["id"],
            "let_through": row["let_through"],
            "remaining": row["remaining"],
            **Rule.model_validate_json(row["rule"]).model_dump(exclude_defaults=True),
        }
        for row in rows
    ]


def delete_all(tx: Tx) -> None:
    tx.execute("DELETE FROM faults")
