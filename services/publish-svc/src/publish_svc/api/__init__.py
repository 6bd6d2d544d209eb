"""What people and programs may ask of publish-svc."""

from fastapi import APIRouter

from chassis.clock import Clock
from chassis.database import Database
from chassis.service_tokens import Gate
from publish_svc.api import ask, deliver, read


def routers(database: Database, gate: Gate, clock: Clock) -> list[APIRouter]:
    """`read` last: its `/items/{item_id}` would take `/items/publish` for an id."""
    return [ask.router(database, gate, clock), deliver.router(database, gate, clock), read.router(database, gate)]
