"""The root of every refusal of the rules."""


class DomainError(Exception):
    """A rule says no. The subclass carries the facts and builds the sentence; nothing was changed."""
