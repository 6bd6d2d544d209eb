"""What can be wrong with a request, for a person to read."""

from datetime import datetime


class DomainError(Exception):
    """A rule says no."""


class UnknownConnection(DomainError):
    def __init__(self, connection_id: str) -> None:
        self.connection_id = connection_id
        super().__init__(f"there is no connection {connection_id} in this business")


class UnknownRun(DomainError):
    def __init__(self, sync_id: str) -> None:
        self.sync_id = sync_id
        super().__init__(f"there is no synchronisation {sync_id} in this business")


class NotUsable(DomainError):
    def __init__(self, connection_id: str, lifecycle: str) -> None:
        self.connection_id, self.lifecycle = connection_id, lifecycle
        super().__init__(f"connection {connection_id} is {lifecycle}: its lists cannot be read")


class CoolingDown(DomainError):
    def __init__(self, connection_id: str, until: datetime) -> None:
        self.connection_id, self.until = connection_id, until
        super().__init__(f"the lists of connection {connection_id} were read a moment ago")


class ChangedMeanwhile(DomainError):
    """Somebody saved it after we loaded it: what we were about to write is stale."""

    def __init__(self, what: str, revision: int) -> None:
        self.what, self.revision = what, revision
        super().__init__(f"{what} is no longer at revision {revision}")
