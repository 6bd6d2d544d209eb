"""A service with one POST, behind the chassis' Idempotency-Key.

Nothing but the key keeps it from posting twice: unlike the producer it looks at no table before it posts.
"""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header

from chassis import outbox
from chassis.database import Database
from chassis.http import create_app
from chassis.run import serve
from chassis.service_tokens import Gate
from faultlib.actors.common import Told, run
from faultlib.events import entry, on
from faultlib.history import History
from faultlib.ledger import POST
from relink_contracts.envelope import speaker


def _router(told: Told, database: Database) -> APIRouter:
    router, event, say = APIRouter(), on(told.topic), speaker(told.service)

    @router.post("/entries/{account}", status_code=201)
    async def post(account: str, idempotency_key: Annotated[uuid.UUID, Header()]) -> dict[str, Any]:
        said = say(entry(event, account, idempotency_key), at=datetime.now(UTC))
        async with database.transaction() as tx:
            await outbox.add(tx, said)
            await tx.execute(POST, said.id, idempotency_key, account)
        return {"event": said.id}

    return router


async def main(told: Told, history: History) -> None:
    database = await Database.connect(told.database)
    gate = Gate(told.service, {"client": told.peer})
    routers = [_router(told, database)]
    app = create_app("ledger", version="1", health={}, routers=routers, gate=gate, database=database)
    history.note("ready")
    await serve(http=(app, "127.0.0.1", told.port))
    await database.close()


if __name__ == "__main__":
    run(main)
