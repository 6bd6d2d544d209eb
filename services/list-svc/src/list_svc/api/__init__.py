"""What people and programs may ask of list-svc."""

from chassis.clock import Clock
from chassis.database import Database
from chassis.service_tokens import Gate
from fastapi import APIRouter

from list_svc.api import lists, rules


def routers(database: Database, gate: Gate, clock: Clock) -> list[APIRouter]:
    return [lists.router(database, gate), rules.router(database, gate, clock)]
