"""Opaque, prefixed identifiers."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id(prefix: str) -> str:
    """A fresh id such as `con_0199…`: the prefix names the kind, the rest is a UUIDv7, so ids sort by creation.

    Readers treat the whole as opaque. It reveals when it was made and is therefore never a secret.
    """
    return f"{prefix}_{new_event_id().hex}"


def new_event_id() -> UUID:
    """A fresh UUIDv7 for `ce_id`."""
    return uuid7()
