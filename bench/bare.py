"""The least that a service could be: a FastStream application with a subscriber, an asyncpg pool and readiness.

`python -m bench.bare DATABASE KAFKA TOPIC GROUP PORT`
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import uvicorn
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.kafka import KafkaBroker
from pydantic import BaseModel


class Said(BaseModel):
    text: str


def an_app(database_url: str, kafka: str, topic: str, group: str) -> AsgiFastStream:
    broker = KafkaBroker(kafka)
    pools: list[asyncpg.Pool] = []

    @broker.subscriber(topic, group_id=group, auto_offset_reset="earliest")
    async def hear(_said: Said) -> None:
        """Do nothing."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with asyncpg.create_pool(database_url, min_size=1, max_size=10) as pool:
            pools.append(pool)
            yield

    @get
    async def ready(_scope: dict[str, Any]) -> AsgiResponse:
        await pools[0].fetchval("SELECT 1")
        return AsgiResponse(b"", 200 if await broker.ping(2) else 503)

    return AsgiFastStream(broker, lifespan=lifespan, asgi_routes=[("/health/ready", ready)])


if __name__ == "__main__":
    *where, own_port = sys.argv[1:]
    uvicorn.run(an_app(*where), host="127.0.0.1", port=int(own_port), log_level="warning")
