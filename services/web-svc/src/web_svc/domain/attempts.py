"""What to tell somebody who came back from a provider's login with empty hands."""

_MESSAGES = {
    "denied": "auth.denied",
    "timed_out": "auth.timeout",
    "state_unknown": "auth.state",
    "state_used": "auth.state",
    "foreign_browser": "auth.browser",
    "scope_missing": "auth.scope",
}


_STATES = {"timed_out": "auth.timeout", "cancelled": "auth.denied", "started": "auth.state"}


def message_of(problem: str | None, *, state: str | None = None) -> str:
    """The id of the sentence. A code that this release does not know is the provider's trouble."""
    if problem is None and state in _STATES:
        return _STATES[state]
    return _MESSAGES.get(problem or "", "auth.provider_down")


def resume_message(*, total: int, published: int, failed: int) -> str:
    """The id of the sentence that tells how far the waiting items are."""
    if published + failed < total:
        return "done.resume"
    return "done.resume.partial" if failed else "done.resume.all"
