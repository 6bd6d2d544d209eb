"""The practice organisations of each provider."""

from dataclasses import dataclass

from simulator.state import Tx


@dataclass(frozen=True)
class Organisation:
    id: str
    name: str


def organisations_of(tx: Tx, provider: str) -> list[Organisation]:
    """The expected one first."""
    rows = tx.execute("SELECT id, name FROM organisations WHERE provider = ? ORDER BY position", (provider,))
    return [Organisation(row["id"], row["name"]) for row in rows]


def find(tx: Tx, provider: str, organisation_id: str) -> Organisation | None:
    return next((one for one in organisations_of(tx, provider) if one.id == organisation_id), None)


def next_position(tx: Tx, provider: str) -> int:
    """Of the organisation that is added next; from 1."""
    return len(organisations_of(tx, provider)) + 1


def add(tx: Tx, provider: str, organisation: Organisation) -> None:
    """After those that are there already."""
    position = next_position(tx, provider)
    tx.execute(
        "INSERT INTO organisations VALUES (?, ?, ?, ?)", (provider, organisation.id, position, organisation.name)
    )
