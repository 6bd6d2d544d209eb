"""What the store refuses."""


class ChangedMeanwhile(Exception):
    """Somebody else has saved since this revision was loaded: load it again."""

    def __init__(self, entity: str, revision: int) -> None:
        self.entity, self.revision = entity, revision
        super().__init__(f"{entity} is no longer at revision {revision}")
