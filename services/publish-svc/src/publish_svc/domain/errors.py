"""What the rules refuse. Each error carries its facts and builds its own sentence."""


class DomainError(Exception):
    """Something was asked for that the rules do not allow."""


class NotPublishable(DomainError):
    """The item cannot be asked for in the state it is in."""

    def __init__(self, item_id: str, status: str) -> None:
        self.item_id, self.status = item_id, status
        super().__init__(f"item {item_id} is {status}: it cannot be asked to publish")


class NotEditable(DomainError):
    """What a provider has, or may have, is not changed behind its back."""

    def __init__(self, item_id: str, status: str) -> None:
        self.item_id, self.status = item_id, status
        super().__init__(f"item {item_id} is {status}: its content can no longer be changed")


class NotMovable(DomainError):
    """An item that waits its turn at one connection cannot be given to another."""

    def __init__(self, item_id: str, status: str) -> None:
        self.item_id, self.status = item_id, status
        super().__init__(f"item {item_id} is {status}: it cannot be moved to another connection")
