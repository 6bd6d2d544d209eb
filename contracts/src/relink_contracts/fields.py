"""Kinds of fields that events share."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

READING: Final = {"reading": True}
"""Validation context of a consumer: values that this release does not know yet are let through."""


@dataclass(frozen=True)
class OneOf:
    """A set of values that may grow in a minor version (`x-extensible-enum` in the schema).

    Whoever says a value outside the set is refused; whoever reads one gets it as it is and has to expect it.
    """

    values: tuple[Hashable, ...]

    def __init__(self, *values: Hashable) -> None:
        object.__setattr__(self, "values", values)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._refuse_unknown_when_saying, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "x-extensible-enum": list(self.values)}

    def _refuse_unknown_when_saying(self, value: Hashable, info: ValidationInfo) -> Hashable:
        if info.context is not READING and value not in self.values:
            raise ValueError(f"{value!r} is none of {', '.join(map(str, self.values))}")
        return value


class Pii(StrEnum):
    """How close a field is to a person, as `x-pii` in the schema."""

    PSEUDONYM = "pseudonym"
    """An id that stands for a person and means nothing outside the identity system."""
    BUSINESS = "business"
    """A name of an organisation or a supplier; a sole trader's may be his own."""
    PERSONAL = "personal"
    """An address, a person's name: refused in events."""
    SECRET = "secret"  # noqa: S105 - the mark, not a secret
    """A token, a password, a link that signs somebody in: refused in events."""


def marked(pii: Pii) -> Any:
    """The annotation that puts `x-pii` into the schema."""
    return Field(json_schema_extra={"x-pii": pii.value})


def _to_utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


UtcTime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
UserId = Annotated[str, marked(Pii.PSEUDONYM)]
BusinessName = Annotated[str, marked(Pii.BUSINESS)]

Provider = Annotated[str, OneOf("xero", "quickbooks", "sage", "freeagent")]
ListName = Annotated[
    str,
    OneOf(
        "accounts",
        "tax_rates",
        "suppliers",
        "customers",
        "items",
        "tracking",
        "projects",
        "bank_accounts",
        "payment_methods",
        "organisation",
    ),
]
