"""The topics: who owns, says and hears what. The files in `contracts/topics/` are the truth."""

from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict

COMPACTED_KEEPS_TOMBSTONES: Final = timedelta(days=30)


class Topic(BaseModel):
    """One topic, as its file says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    owner: str
    producers: tuple[str, ...]
    key: str
    partitions: int
    local_partitions: int
    cleanup: Literal["delete", "compact"]
    retention_days: int | None = None
    """None: as long as compaction keeps it."""
    max_record_bytes: int
    visibility: Literal["public", "internal", "inbound", "private"]
    types: dict[str, tuple[str, ...]]
    """Each type that is said here, with the services that hear it. A dead-letter topic holds any type."""

    @property
    def consumers(self) -> tuple[str, ...]:
        """The services that read the topic; a dead-letter topic is read by its owner alone."""
        if self.visibility == "private":
            return (self.owner,)
        return tuple(sorted({service for heard_by in self.types.values() for service in heard_by}))

    @property
    def retention_ms(self) -> int | None:
        return None if self.retention_days is None else self.retention_days * 24 * 60 * 60 * 1000

    @property
    def kafka_config(self) -> dict[str, str]:
        """The topic's own settings in Kafka, apart from partitions and replicas."""
        config = {"cleanup.policy": self.cleanup, "max.message.bytes": str(self.max_record_bytes)}
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        if self.cleanup == "compact":
            config["delete.retention.ms"] = str(int(COMPACTED_KEEPS_TOMBSTONES.total_seconds() * 1000))
        return config


def load(folder: Path | None = None) -> list[Topic]:
    """Every topic, by name. Raises pydantic.ValidationError for a file with an unknown or missing key."""
    files = sorted((folder or _folder()).glob("*.yaml"))
    return [Topic.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files]


def _folder() -> Path:
    """In a wheel the files lie inside the package, in a checkout beside `src`."""
    packaged = Path(__file__).parent / "_topics"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "topics"
