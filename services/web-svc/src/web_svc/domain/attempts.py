"""What to tell somebody who came back from a provider's login with empty hands."""

_MESSAGES = {
    "denied": "auth.denied",
    "timed_out": "auth.timeout",
    "state_unknown": "auth.state",
    "state_used": "auth.state",
    "foreign_browser": "auth.state",
    "scope_missing": "auth.scope",
}


def message_of(state: str, problem: str | None) -> str:
    """The id of the sentence. A code that this release does not know is the provider's trouble."""
    if state in {"timed_out", "cancelled"} and problem is None:
        return "auth.timeout"
    if state == "started":
        return _MESSAGES.get(problem or "state_unknown", "auth.provider_down")
    return _MESSAGES.get(problem or "", "auth.provider_down")


def resume_message(*, total: int, published: int, failed: int) -> str:
    """The id of the sentence that tells how far the waiting items are."""
    if published + failed < total:
        return "done.resume"
    return "done.resume.partial" if failed else "done.resume.all"
