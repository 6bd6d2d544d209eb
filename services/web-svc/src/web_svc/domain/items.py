"""How an item stands, as a person reads it."""

from enum import StrEnum


class Tab(StrEnum):
    """The tabs of the inbox, in their order; the value stands in the address."""

    REVIEW = "review"
    READY = "ready"
    WAITING = "waiting"
    FAILED = "failed"
    PUBLISHED = "published"

    @property
    def statuses(self) -> tuple[str, ...]:
        """The item states that the tab shows."""
        return _STATUSES[self]

    @classmethod
    def of(cls, status: str) -> "Tab":
        """The tab that shows items of this state; a state with no tab of its own goes to the first."""
        return next((tab for tab in cls if status in tab.statuses), cls.REVIEW)


_STATUSES = {
    Tab.REVIEW: ("review",),
    Tab.READY: ("ready",),
    Tab.WAITING: ("held", "queued", "publishing", "uncertain"),
    Tab.FAILED: ("failed",),
    Tab.PUBLISHED: ("published",),
}

_HELD = {
    "connection_expired": "publish.connection_expired",
    "connection_revoked": "publish.connection_revoked",
    "connection_checking": "publish.connection_checking",
    "connection_ended": "publish.connection_ended",
    "provider_degraded": "publish.provider_degraded",
    "canary_failed": "publish.canary_failed",
}
_FAILED = {
    "connection_expired": "publish.connection_expired",
    "category_missing": "publish.category_missing",
    "account_missing": "publish.category_missing",
    "tax_mismatch": "publish.tax_mismatch",
    "period_locked": "publish.period_locked",
    "duplicate": "publish.duplicate",
    "rate_limit": "publish.rate",
    "outage": "publish.outage",
}


def message_of(status: str, *, reason: str | None, has_provider_message: bool) -> str | None:
    """The id of the sentence that explains the item; None when there is nothing to explain."""
    if status == "held":
        return _HELD.get(reason or "", "publish.waiting")
    if status == "uncertain":
        return "publish.uncertain"
    if status == "failed":
        return _FAILED.get(reason or "") or ("publish.unknown" if has_provider_message else "publish.refused")
    return None


def waits_for_login(reason: str | None) -> bool:
    """Whether a new login at the provider is what would help."""
    return reason in {"connection_expired", "connection_revoked"}
