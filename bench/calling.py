"""Callers of one replica of a service: each makes its next call to the provider as soon as it has a permit.

`python -m bench.calling SERVICE CONNECTION_SVC KEY CONNECTION CALLERS`, with the service's private key. It is told for
how many seconds, and then says when each call was sent, as JSON.
"""

import asyncio
import json
import sys
import time
from functools import partial

import httpx2

import publish_svc.clients
import sync_svc.clients
from bench.connections import BUSINESS
from chassis.clock import SystemClock
from chassis.service_tokens import ServiceSigner
from providers.errors import BudgetSpent
from providers.permits import Permits


async def main(service: str, url: str, key: str, connection_id: str, callers: str) -> None:
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as http:
        signer = ServiceSigner(service, key)
        client = (
            sync_svc.clients.ConnectionService(http, url, signer)
            if service == "sync-svc"
            else publish_svc.clients.ConnectionService(http, url, signer, clock=SystemClock(), margins={})
        )
        _say("ready")
        ends_at = time.time() + float(await asyncio.to_thread(sys.stdin.readline))
        sent: list[float] = []
        permits = Permits(partial(client.lease, connection_id, BUSINESS))
        await asyncio.gather(*(_call(permits, sent, ends_at) for _ in range(int(callers))))
        _say(json.dumps(sent))


async def _call(permits: Permits, sent: list[float], ends_at: float) -> None:
    while time.time() < ends_at:
        try:
            await permits.take()
        except BudgetSpent as spent:
            await asyncio.sleep(spent.retry_after.total_seconds())
        else:
            sent.append(time.time())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
