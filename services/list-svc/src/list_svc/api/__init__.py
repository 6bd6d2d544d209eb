"""What people and programs may ask of list-svc."""

from fastapi import APIRouter

from chassis.clock import Clock
from chassis.database import Database
from chassis.service_tokens import Gate
from list_svc.api import lists, rules


def routers(database: Database, gate: Gate, clock: Clock) -> list[APIRouter]:
    return [lists.router(database, gate), rules.router(database, gate, clock)]
