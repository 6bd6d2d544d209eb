"""What to tell somebody who came back from a provider's login with empty hands."""

_PROBLEMS = {
    "denied": "auth.denied",
    "no_code": "auth.no_code",
    "timed_out": "auth.timeout",
    "state_unknown": "auth.state",
    "state_used": "auth.state_used",
    "foreign_browser": "auth.browser",
    "issuer_mismatch": "auth.issuer",
    "provider_error": "auth.provider_down",
    "scope_missing": "auth.scope",
    "no_organisation": "org.none",
    "organisation_mismatch": "auth.mismatch",
    "connection_ended": "auth.ended",
    "taken_over": "auth.taken_over",
}
_PERMISSIONS = {
    "bills": "permission.bills",
    "contacts": "permission.contacts",
    "lists": "permission.lists",
    "attachments": "permission.attachments",
    "offline": "permission.offline",
    "accounting": "permission.accounting",
}
_STATES = {"timed_out": "auth.timeout", "cancelled": "auth.cancelled"}
_TAKEN = {"this_connection": "org.unchanged", "this_business": "org.taken_here"}
_REFUSALS = {
    "organisation_taken": "org.taken",
    "organisation_connected_here": "org.taken_here",
    "organisation_unchanged": "org.unchanged",
}


def message_of(problem: str | None, *, state: str | None = None) -> str:
    """The id of the sentence. A code that this release does not know is the provider's trouble."""
    if problem is None and state in _STATES:
        return _STATES[state]
    return _PROBLEMS.get(problem or "", "auth.provider_down")


def permission_message(permission: str) -> str:
    """The id of the words for what a login did not grant. One that this release does not know is told as all of it."""
    return _PERMISSIONS.get(permission, "permission.accounting")


def taken_message(taken_by: str | None) -> str:
    """The id of the sentence that says why an organisation cannot be chosen."""
    return _TAKEN.get(taken_by or "", "org.taken")


def refusal_message(code: str) -> str | None:
    """The id of the sentence about a choice that was refused; None when the choice itself was not the reason."""
    return _REFUSALS.get(code)


def resume_message(*, total: int, published: int, failed: int) -> str:
    """The id of the sentence that tells how far the waiting items are."""
    if published + failed < total:
        return "done.resume"
    return "done.resume.partial" if failed else "done.resume.all"
