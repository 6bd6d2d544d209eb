"""The least that an endpoint with a query could be: FastAPI, an asyncpg pool, one SELECT.

`python -m bench.bare_endpoint DATABASE PORT`
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from fastapi import FastAPI


def an_app(database_url: str) -> FastAPI:
    pools: list[asyncpg.Pool] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(database_url, min_size=1, max_size=10) as pool:
            pools.append(pool)
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/connections/{connection_id}")
    async def one(connection_id: str, _wanted: dict[str, str]) -> dict[str, str]:
        row = await pools[0].fetchrow("SELECT * FROM connections WHERE id = $1", connection_id)
        assert row is not None
        return {"provider": row["provider"], "organisation_id": row["organisation_id"]}

    return app


if __name__ == "__main__":
    uvicorn.run(an_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
