"""Where a person may be sent back to after signing in."""

import re

HOME = "/"
_OURS = re.compile(
    r"/(?:b/[a-z0-9_]+/(?:inbox|items|settings)(?:/[A-Za-z0-9_-]+)*|connect/[a-z]+/(?:reconnect|disconnected)|m(?:/business|/settings(?:/[A-Za-z0-9_-]+)*)?)?"
    r"(?:\?[A-Za-z0-9_=&%.-]*)?",
    re.ASCII,
)


def safe_return(path: str | None) -> str:
    """`path` when it is one of our own pages, otherwise the start: no address from outside is ever followed."""
    return path if path is not None and _OURS.fullmatch(path) else HOME
